/**
 * Imported first, for its effect: without a listener Node opens its inspector on SIGUSR1, a debugger that
 * any local user can connect to, and SIGHUP ends the process. Commands add listeners for what they do.
 */
for (const name of ['SIGUSR1', 'SIGHUP'] as const) {
  process.on(name, () => {});
}
