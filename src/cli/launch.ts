#!/usr/bin/env node
import './own-signals.js';
import { useCompileCache } from './compile-cache.js';

useCompileCache();
// The entry of the program: a client is to send its first packet as early as possible.
await import(process.argv[2] === 'client' ? './client-main.js' : './main.js');
