import type { Approach } from '../approach.js';
import type { ApproachName } from '../results.js';
import type { Tools } from '../tools.js';
import { classic } from './classic.js';
import { dns } from './dns.js';
import { original } from './original.js';
import { sealed } from './sealed.js';
import { wgsd } from './wgsd.js';

/** All approaches, by name. To add one: write its file, and its line here and in `APPROACH_NAMES`. */
export const APPROACHES: Readonly<Record<ApproachName, (tools: Tools) => Approach>> = {
  classic,
  sealed,
  dns,
  original,
  wgsd,
};
