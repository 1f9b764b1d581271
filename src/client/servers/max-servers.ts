import { MAX_SOURCES } from '../../wire/bpf.js';

/** Servers of one client: each costs a session, a ping every 25 s, and a place in the filter of the raw socket. */
export const MAX_SERVERS = MAX_SOURCES;
