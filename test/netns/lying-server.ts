/*
 * A server of the sealed protocol that lies: every client that asks for a peer gets, as its endpoint,
 * LIE (ADDRESS:PORT). All else is the server as it is, with the key of KEY-FILE.
 */
import { loadServerKey } from '../../src/server/sealed/key-file.js';
import { openService } from '../../src/server/service.js';
import { CLASSIC_PORT } from '../../src/wire/classic.js';
import { addressBytes, endpoint, parseEndpoint } from '../../src/wire/endpoint.js';
import { FrameWriter } from '../../src/wire/sealed-frame-writer.js';

const [keyFile = '', lie = ''] = process.argv.slice(2);
const { address, family, port } = parseEndpoint(lie);
const bytes = addressBytes(address);
const { putEndpoint } = FrameWriter.prototype;

FrameWriter.prototype.putEndpoint = function (
  this: FrameWriter,
  _address,
  _at,
  asked,
): FrameWriter {
  if (asked !== family) {
    throw new Error(`asked for a lie of family ${asked}`);
  }
  return putEndpoint.call(this, bytes, 0, family, port);
};
await openService({
  listen: [endpoint('0.0.0.0', CLASSIC_PORT)],
  sealed: { key: loadServerKey(keyFile), only: true },
});
process.stdout.write('listening, and lying\n');
