/**
 * Runs one at a time: all who ask while it runs share the next run, so what a caller gets has begun after it asked. A run
 * that fails, fails for those who waited for it.
 */
export function oneAtATime(run: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  const begin = (): Promise<void> => {
    running = run().finally(() => {
      running = undefined;
    });
    return running;
  };
  const after = async (current: Promise<void>): Promise<void> => {
    await current.catch(() => undefined); // it is told to those who waited for it
    next = undefined;
    await begin();
  };
  return () => {
    if (next) return next;
    if (!running) return begin();
    next = after(running);
    return next;
  };
}
