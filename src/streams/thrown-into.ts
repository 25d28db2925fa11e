/** As `yield*` hands an error to the iterator that it is in; one that cannot take it is left. */
export async function thrownInto<T>(source: AsyncIterator<T>, error: unknown): Promise<IteratorResult<T>> {
  if (source.throw) return source.throw(error);
  await source.return?.();
  throw error;
}
