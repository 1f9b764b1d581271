import { useCompileCache } from './compile-cache.js';

useCompileCache();
// A client should send its first packet as early as possible, so it has its own bundle.
await import(process.argv[2] === 'client' ? './client-main.js' : './main.js');
