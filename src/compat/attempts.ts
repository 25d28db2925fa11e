/**
 * Asks the next source when one fails before its first item; what has been sent is never taken back. Throws the last error when
 * all fail.
 */
export async function* firstToAnswer<T>(sources: readonly (() => AsyncGenerator<T>)[]): AsyncGenerator<T> {
  for (const [i, open] of sources.entries()) {
    const items = open();
    let begun = false;
    try {
      for await (const item of items) {
        begun = true;
        yield item;
      }
      return;
    } catch (error) {
      if (begun || i === sources.length - 1) throw error;
    }
  }
}
