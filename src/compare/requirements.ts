import { access, constants } from 'node:fs/promises';
import path from 'node:path';

/** The programs that the lab runs, with the Debian package of each. */
const PROGRAMS: Readonly<Record<string, string>> = {
  ip: 'iproute2',
  ss: 'iproute2',
  nft: 'nftables',
  wg: 'wireguard-tools',
  'wireguard-go': 'wireguard-go',
  ping: 'iputils-ping',
  conntrack: 'conntrack',
  sysctl: 'procps',
  'g++': 'g++',
};

/** Whether a program is on the PATH. */
export async function isInstalled(program: string): Promise<boolean> {
  const folders = (process.env['PATH'] ?? '').split(path.delimiter);
  const found = await Promise.all(
    folders.map((folder) =>
      access(path.join(folder, program), constants.X_OK).then(
        () => true,
        () => false,
      ),
    ),
  );
  return found.includes(true);
}

/** The reason why no lab can be built here; undefined if one can. */
export async function whyNoLab(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) {
    return 'the comparison creates network namespaces and WireGuard devices: run it as root';
  }
  const programs = Object.keys(PROGRAMS);
  const there = await Promise.all(programs.map(isInstalled));
  const missing = programs.filter((_, index) => !there[index]);
  if (missing.length === 0) {
    return undefined;
  }
  const packages = [...new Set(missing.map((program) => PROGRAMS[program]))].join(' ');
  return `missing: ${missing.join(', ')}: apt-get install --no-install-recommends ${packages}`;
}
