import { useCompileCache } from './compile-cache.js';

useCompileCache();
// A client is to send its first packet as early as possible: it has a file of its own.
await import(process.argv[2] === 'client' ? './client-main.js' : './main.js');
