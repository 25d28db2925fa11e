import { LivellmError } from "../core/error.ts";

/** Runs a query. The database's own errors may quote what was to be written, so their words stay in the cause. */
export async function explained<Result>(query: () => Promise<Result>): Promise<Result> {
  try {
    return await query();
  } catch (error) {
    if (error instanceof LivellmError) throw error;
    const message = "the provider database cannot be used at the moment; the server's log says why";
    throw new LivellmError("unavailable", "internal", message, { cause: error });
  }
}
