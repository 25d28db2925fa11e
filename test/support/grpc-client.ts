import { readdirSync } from "node:fs";
import path from "node:path";
import grpc from "@grpc/grpc-js";
import protoLoader from "@grpc/proto-loader";
import { projectRoot } from "./gateway.ts";

/** A message as proto-loader gives it: field names in lowerCamelCase, enum words, `event` the name of the oneof's case. */
export type LoadedMessage = { readonly [field: string]: LoadedValue };
type LoadedValue = string | number | boolean | Buffer | LoadedMessage | readonly LoadedValue[] | undefined;

/** What a call may have besides its request. */
export interface GrpcCallOptions {
  readonly metadata?: Readonly<Record<string, string>>;
  readonly deadline?: Date;
}

/** A client of the started gateway that knows the contract from the files under proto/ and from nowhere else. */
export interface GrpcClient extends Disposable {
  unary(method: string, request: object, options?: GrpcCallOptions): Promise<LoadedMessage>;
  /** The stream is an async iterable of messages; an error of the call is thrown by it. */
  stream(method: string, request: object, options?: GrpcCallOptions): grpc.ClientReadableStream<LoadedMessage>;
  /** A stream both ways: what is written goes out, what comes in is iterated. */
  duplex(method: string, options?: GrpcCallOptions): grpc.ClientDuplexStream<object, LoadedMessage>;
}

const definitions = protoLoader.loadSync(
  [...readdirSync(path.join(projectRoot, "proto/livellm/v1")).map((name) => `livellm/v1/${name}`), "wire.proto"],
  {
    includeDirs: [path.join(projectRoot, "proto"), path.join(projectRoot, "test/support")],
    enums: String,
    longs: Number,
    oneofs: true,
  },
);

/** Connects without TLS. `method` is the name of the RPC, such as `AgentService/Run`. `ownConnection`: none that clients share. */
export function createGrpcClient(url: string, { ownConnection = false } = {}): GrpcClient {
  const options = ownConnection ? { "grpc.use_local_subchannel_pool": 1 } : {};
  const client = new grpc.Client(new URL(url).host, grpc.credentials.createInsecure(), options);
  return {
    unary: (name, request, { metadata = {}, deadline } = {}) =>
      new Promise((resolve, reject) => {
        const { path, requestSerialize, responseDeserialize } = methodOf(`livellm.v1.${name}`);
        const done: grpc.requestCallback<LoadedMessage> = (error, value) =>
          error || !value ? reject(error) : resolve(value);
        const options = { deadline: deadline ?? soon() };
        client.makeUnaryRequest(
          path,
          requestSerialize,
          decoder(responseDeserialize),
          request,
          headers(metadata),
          options,
          done,
        );
      }),
    stream: (name, request, { metadata = {}, deadline } = {}) => {
      const { path, requestSerialize, responseDeserialize } = methodOf(`livellm.v1.${name}`);
      const options = { deadline: deadline ?? soon() };
      return client.makeServerStreamRequest(
        path,
        requestSerialize,
        decoder(responseDeserialize),
        request,
        headers(metadata),
        options,
      );
    },
    duplex: (name, { metadata = {}, deadline } = {}) => {
      const { path, requestSerialize, responseDeserialize } = methodOf(`livellm.v1.${name}`);
      const options = { deadline: deadline ?? soon() };
      return client.makeBidiStreamRequest(
        path,
        requestSerialize,
        decoder(responseDeserialize),
        headers(metadata),
        options,
      );
    },
    [Symbol.dispose]: () => client.close(),
  };
}

/** No test waits for ever. */
function soon(): Date {
  return new Date(Date.now() + 20_000);
}

function methodOf(name: string): grpc.MethodDefinition<object, object> {
  const [service = "", method = ""] = name.split("/");
  const definition = definitions[service];
  if (!definition || "format" in definition) throw new Error(`the contract has no service ${service}`);
  const found = Object.values(definition as grpc.ServiceDefinition).find(({ path }) => path.endsWith(`/${method}`));
  if (!found) throw new Error(`${service} has no method ${method}`);
  return found;
}

function decoder(deserialize: (bytes: Buffer) => object): (bytes: Buffer) => LoadedMessage {
  return (bytes) => deserialize(bytes) as LoadedMessage;
}

function headers(values: Readonly<Record<string, string>>): grpc.Metadata {
  const metadata = new grpc.Metadata();
  for (const [name, value] of Object.entries(values)) metadata.set(name, value);
  return metadata;
}

/** What a call failed with. */
export interface GrpcFailure {
  /** gRPC's number. */
  readonly code: number;
  readonly message: string;
  /** From `grpc-status-details-bin`, decoded with the contract. */
  readonly detail: LoadedMessage | undefined;
  readonly detailTypes: readonly string[];
  readonly badRequest: LoadedMessage | undefined;
}

/** Waits for a call to fail, and reads the failure. */
export async function failureOf(call: Promise<unknown>): Promise<GrpcFailure> {
  const error = await call.then(
    () => {
      throw new Error("the call did not fail");
    },
    (reason: unknown) => reason,
  );
  if (!isServiceError(error)) throw error;
  const [bytes] = error.metadata.get("grpc-status-details-bin");
  const status = bytes === undefined ? undefined : read("ReadStatus", Buffer.from(bytes));
  const details = (status?.details ?? []) as readonly { readonly type_url: string; readonly value: Buffer }[];
  const detail = (type: string) => details.find(({ type_url }) => type_url.endsWith(`/${type}`))?.value;
  const [errorDetail, badRequest] = [detail("livellm.v1.ErrorDetail"), detail("google.rpc.BadRequest")];
  return {
    code: error.code,
    message: error.details,
    detail: errorDetail && read("ReadErrorDetail", errorDetail),
    detailTypes: details.map(({ type_url }) => type_url),
    badRequest: badRequest && read("ReadFieldViolations", badRequest),
  };
}

function read(method: string, bytes: Buffer): LoadedMessage {
  return decoder(methodOf(`livellm.test.Wire/${method}`).responseDeserialize)(bytes);
}

function isServiceError(error: unknown): error is grpc.ServiceError {
  return error instanceof Error && "metadata" in error && "details" in error;
}

/** A google.protobuf.Struct as proto-loader wants it. */
export function struct(fields: Readonly<Record<string, string | number | boolean>>): object {
  return { fields: Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, structValue(value)])) };
}

function structValue(value: string | number | boolean): object {
  if (typeof value === "string") return { stringValue: value };
  return typeof value === "number" ? { numberValue: value } : { boolValue: value };
}
