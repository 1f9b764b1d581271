import type { Approach, Tools } from '../approach.js';
import type { ApproachName } from '../results.js';
import { classic } from './classic.js';
import { dns } from './dns.js';
import { original } from './original.js';
import { sealed } from './sealed.js';
import { wgsd } from './wgsd.js';

/** All approaches by name. To add one, write its file and add it here and to `APPROACH_NAMES`. */
export const APPROACHES: Readonly<Record<ApproachName, (tools: Tools) => Approach>> = {
  classic,
  sealed,
  dns,
  original,
  wgsd,
};
