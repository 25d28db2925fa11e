import type { Config } from "./config.ts";
import type { FaultReports } from "./telemetry/fault-reports.ts";

/** Of Sentry's answers, which are short. */
const maxAnswerBytes = 64 * 1024;

/** Where faults of this process are reported; undefined where they are not, and then nothing is loaded for it. */
export async function openFaults(
  { faults: settings, connectTimeoutMs }: Config,
  warn: (message: string) => void,
): Promise<FaultReports | undefined> {
  if (!settings) return undefined;
  const { createFetch } = await import("./upstream/fetch.ts");
  const { openSentry } = await import("./telemetry/sentry.ts");
  const pool = createFetch({ connectTimeoutMs, maxBodyBytes: maxAnswerBytes });
  const reports = openSentry({ settings, post: pool.fetch, warn });
  return {
    ...reports,
    async close(graceMs) {
      await reports.close(graceMs);
      await pool.close();
    },
  };
}
