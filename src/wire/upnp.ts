/*
 * UPnP-IGD (WANIPConnection:1 and :2, WANPPPConnection:1), as far as mapping a UDP port needs it. What a router
 * sends is read with plain searches in bounded texts: nothing of it is trusted, or parsed as a tree.
 */

export const SSDP_ADDRESS = '239.255.255.250';
export const SSDP_PORT = 1900;

/** Most preferred first. */
const SERVICES = ['WANIPConnection:2', 'WANIPConnection:1', 'WANPPPConnection:1'].map(
  (name) => `urn:schemas-upnp-org:service:${name}`,
);

/** The search for gateways of UPnP 1.1, 1.3.2. */
export const SSDP_SEARCH = [
  'M-SEARCH * HTTP/1.1',
  `HOST: ${SSDP_ADDRESS}:${SSDP_PORT}`,
  'MAN: "ssdp:discover"',
  'MX: 1',
  'ST: urn:schemas-upnp-org:device:InternetGatewayDevice:1',
  '',
  '',
].join('\r\n');

/** The URL of the description in a search response; undefined if there is none. */
export function searchLocation(response: string): string | undefined {
  const [status = '', ...headers] = response.split('\r\n');
  if (!/^HTTP\/1\.[01] 200\b/.test(status)) {
    return undefined;
  }
  const header = headers.find((line) => /^location:/i.test(line));
  return header?.slice('location:'.length).trim();
}

/** A service of a router that maps ports. */
export interface MappingService {
  readonly type: string;
  /** As the description has it: absolute, or relative to the description's URL. */
  readonly controlUrl: string;
}

/** The best service in a device description; undefined if it has none. */
export function mappingService(description: string): MappingService | undefined {
  const found = description
    .split('<service>')
    .slice(1)
    .map((block) => ({
      type: element(block, 'serviceType') ?? '',
      controlUrl: element(block, 'controlURL') ?? '',
    }))
    .filter(({ type, controlUrl }) => SERVICES.includes(type) && controlUrl !== '');
  return found.sort((a, b) => SERVICES.indexOf(a.type) - SERVICES.indexOf(b.type))[0];
}

/** The text of the first element with this name; undefined if there is none. */
export function element(xml: string, name: string): string | undefined {
  const start = xml.indexOf(`<${name}>`);
  const from = start + name.length + 2;
  const end = start < 0 ? -1 : xml.indexOf(`</${name}>`, from);
  return end < 0 ? undefined : xml.slice(from, end).trim().replaceAll('&amp;', '&');
}

/** A SOAP call, with its arguments in order; none of them may need escaping. */
export function soapCall(
  service: string,
  action: string,
  parameters: readonly (readonly [name: string, value: string | number])[],
): { readonly headers: Readonly<Record<string, string>>; readonly body: string } {
  const list = parameters.map(([name, value]) => `<${name}>${value}</${name}>`).join('');
  const body =
    '<?xml version="1.0"?>\r\n' +
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" ' +
    's:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>' +
    `<u:${action} xmlns:u="${service}">${list}</u:${action}></s:Body></s:Envelope>\r\n`;
  return {
    headers: {
      'Content-Type': 'text/xml; charset="utf-8"',
      'Content-Length': String(body.length),
      SOAPAction: `"${service}#${action}"`,
      Connection: 'close',
    },
    body,
  };
}

/** The error code in a SOAP fault; undefined if there is none. */
export function soapErrorCode(body: string): number | undefined {
  const code = element(body, 'errorCode');
  return code !== undefined && /^\d{1,5}$/.test(code) ? Number(code) : undefined;
}
