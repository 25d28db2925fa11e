import type { JsonObject } from "@bufbuild/protobuf";
import type { BackgroundCalls } from "./store-calls.ts";

export interface StoreFaultResult {
  readonly fault: string;
  /** What callers saw meanwhile. */
  readonly calls: ReturnType<BackgroundCalls["tally"]>;
  /** How many changes an administrator has asked for. */
  readonly changes: number;
  /** What the administrator was told, or found afterwards, that is not as it has to be. */
  readonly wrong: readonly string[];
}

export interface StoreFaultRun {
  /** How long each fault goes on. */
  readonly faultMs: number;
  readonly onProgress?: (text: string) => void;
}

/** Of the gateways that lose their database. */
export const adminToken = "the-administrator-of-the-store-faults";

/** A call as an administrator: resolves with the body, errors included. */
export async function administer(url: string, method: string, request: object): Promise<JsonObject> {
  const response = await fetch(`${url}/livellm.v1.${method}`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${adminToken}` },
    body: JSON.stringify(request),
    signal: AbortSignal.timeout(30_000),
  });
  return (await response.json()) as JsonObject;
}

/** What an administrator was told that is not one of what was to be expected. */
export function toldOtherwise(when: string, told: readonly string[], expected: readonly string[]): readonly string[] {
  return told.filter((one) => !expected.includes(one)).map((one) => `${when} a change was told ${one}`);
}
