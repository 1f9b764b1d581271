/**
 * The result of the work, or its error; after so many milliseconds without either, what `late` returns or throws.
 * The work itself goes on, and an error that it has later is ignored. The timer ends with the wait.
 */
export async function within<T, S>(ms: number, work: Promise<T>, late: () => S): Promise<T | S> {
  let timer: NodeJS.Timeout | undefined;
  const isLate = new Promise<typeof LATE>((resolve) => {
    timer = setTimeout(resolve, ms, LATE);
  });
  try {
    const first = await Promise.race([work, isLate]);
    return first === LATE ? late() : first;
  } finally {
    clearTimeout(timer);
  }
}

const LATE = Symbol('late');
