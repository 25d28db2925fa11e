import { echoRequest } from "../test/support/echo-request.ts";
import { callJson } from "../test/support/json-call.ts";
import type { FaultGateway } from "./fault-gateway.ts";

/** One thing that was tried, what came of it, and whether that is as it should be. */
export interface HostileResult {
  readonly what: string;
  readonly came: string;
  readonly isBounded: boolean;
}

/** A call that everybody else would make. */
export async function othersWork({ url }: FaultGateway): Promise<boolean> {
  const { status, body } = await callJson(url, "AgentService/Run", echoRequest("Still here?"));
  return status === 200 && String(body.text).includes("Still here?");
}
