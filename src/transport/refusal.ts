import type { Code, ConnectError } from "@connectrpc/connect";
import { codeToHttpStatus, errorToJson } from "@connectrpc/connect/protocol-connect";
import type { NodeResponse } from "./node-http.ts";

/**
 * Turns anything thrown into the status that the caller gets. `app.ts` hands in the one of the interceptors, so that an
 * error reads the same whether it is thrown before a call is dispatched or in it.
 */
export type ExplainError = (error: unknown, requestId: string, signal?: AbortSignal) => ConnectError;

/** Connect's error object, which is also the body of a failed unary call and the status that ends a stream. */
export function errorObject(error: ConnectError): ReturnType<typeof errorToJson> {
  return errorToJson(error, undefined);
}

/** Answers with an error as JSON. The HTTP status is Connect's for the code unless another fits better. */
export function sendError(response: NodeResponse, error: ConnectError, httpStatus = statusOf(error.code)): void {
  for (const [name, value] of error.metadata) response.setHeader(name, value);
  sendJson(response, httpStatus, JSON.stringify(errorObject(error)));
}

/**
 * The same for a request that is no call of any protocol. As `application/problem+json` (RFC 9457), because clients of gRPC
 * and Connect take plain JSON for Connect's own answer to a call, and have to go by the HTTP status here.
 */
export function sendRefusal(response: NodeResponse, error: ConnectError, httpStatus: number): void {
  response.setHeader("content-type", "application/problem+json");
  sendError(response, error, httpStatus);
}

/** Answers with a JSON text and ends the response. */
export function sendJson(response: NodeResponse, httpStatus: number, json: string): void {
  if (!response.hasHeader("content-type")) response.setHeader("content-type", "application/json");
  response.setHeader("content-length", Buffer.byteLength(json));
  response.writeHead(httpStatus);
  // As text: node sends it in one piece with the head then.
  response.end(json);
}

function statusOf(code: Code): number {
  return codeToHttpStatus(code);
}
