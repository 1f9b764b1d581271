/**
 * Runs a classic BPF program as the kernel would (linux/filter.h), as far as our programs go.
 * @param packet what the socket sees; loads below 0 (SKF_NET_OFF) are taken from `network`
 * @returns how many bytes of the packet are accepted; a load outside the packet rejects
 */
export function runFilter(program: Uint8Array, packet: Uint8Array, network = packet): number {
  const view = new DataView(program.slice().buffer);
  let accumulator = 0;
  let index = 0;
  for (let at = 0; at < program.length; at += 8) {
    const code = view.getUint16(at, true);
    const k = view.getUint32(at + 4, true);
    switch (code) {
      case 0x20:
      case 0x28:
      case 0x40:
      case 0x48: {
        const loaded = load(code, k, code & 0x40 ? index : 0, packet, network);
        if (loaded === undefined) {
          return 0;
        }
        accumulator = loaded;
        break;
      }
      case 0xb1:
        if (k >= packet.length) {
          return 0;
        }
        index = ((packet[k] as number) & 0xf) * 4;
        break;
      case 0x15:
        at += 8 * view.getUint8(at + (accumulator === k ? 2 : 3));
        break;
      case 0x45:
        at += 8 * view.getUint8(at + ((accumulator & k) !== 0 ? 2 : 3));
        break;
      case 0x05:
        at += 8 * k;
        break;
      case 0x06:
        return k;
      default:
        throw new Error(`unknown instruction ${code.toString(16)}`);
    }
  }
  throw new Error('the program does not end in a return');
}

function load(
  code: number,
  k: number,
  index: number,
  packet: Uint8Array,
  network: Uint8Array,
): number | undefined {
  const fromNetwork = k >= 0xfff00000;
  const bytes = fromNetwork ? network : packet;
  const offset = fromNetwork ? k - 0xfff00000 : k + index;
  const size = code & 0x08 ? 2 : 4;
  if (offset + size > bytes.length) {
    return undefined;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return size === 2 ? view.getUint16(offset) : view.getUint32(offset);
}
