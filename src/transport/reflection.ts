import { createRegistry, type DescFile, type DescService, type Registry, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, type ServiceImpl } from "@connectrpc/connect";
import {
  ServerReflection as ReflectionV1,
  type ServerReflectionRequest,
} from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import {
  ServerReflection as ReflectionV1Alpha,
  type ServerReflectionRequest as ServerReflectionRequestV1Alpha,
} from "../../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { file_livellm_v1_error } from "../../gen/livellm/v1/error_pb.ts";
import type { ServiceRoute } from "./service-route.ts";

/**
 * gRPC server reflection, v1 and v1alpha: `buf curl`, grpcurl and Postman call us without a schema. It lists the given
 * services and itself, and knows besides what they import the details of errors, which no service imports.
 */
export function createReflectionRoutes(services: readonly DescService[]): readonly ServiceRoute[] {
  const schema = createSchema([...services, ReflectionV1, ReflectionV1Alpha], [file_livellm_v1_error]);
  const v1: ServiceImpl<typeof ReflectionV1> = {
    async *serverReflectionInfo(requests) {
      for await (const request of requests) yield respond(schema, request);
    },
  };
  const v1alpha: ServiceImpl<typeof ReflectionV1Alpha> = {
    async *serverReflectionInfo(requests) {
      for await (const request of requests) yield respond(schema, request);
    },
  };
  return [
    { service: ReflectionV1, implementation: v1 },
    { service: ReflectionV1Alpha, implementation: v1alpha },
  ];
}

interface Schema {
  readonly services: readonly DescService[];
  readonly files: ReadonlyMap<string, DescFile>;
  readonly registry: Registry;
}

function createSchema(services: readonly DescService[], others: readonly DescFile[]): Schema {
  const files = new Map<string, DescFile>();
  for (const file of [...services.map(({ file }) => file), ...others]) addWithDependencies(file, files);
  return { services, files, registry: createRegistry(...files.values()) };
}

function addWithDependencies(file: DescFile, files: Map<string, DescFile>): void {
  if (files.has(file.name)) return;
  files.set(file.name, file);
  for (const dependency of file.dependencies) addWithDependencies(dependency, files);
}

/** The two versions of the service have the same messages in two packages. */
function respond<R extends ServerReflectionRequest | ServerReflectionRequestV1Alpha>(schema: Schema, request: R) {
  return { validHost: request.host, originalRequest: request, messageResponse: answer(schema, request.messageRequest) };
}

function answer(
  schema: Schema,
  query: ServerReflectionRequest["messageRequest"] | ServerReflectionRequestV1Alpha["messageRequest"],
) {
  switch (query.case) {
    case "listServices": {
      const service = schema.services.map(({ typeName }) => ({ name: typeName }));
      return { case: "listServicesResponse" as const, value: { service } };
    }
    case "fileByFilename":
      return fileAnswer(schema.files.get(query.value.replace(/\.proto$/, "")), query.value);
    case "fileContainingSymbol":
      return fileAnswer(fileOfSymbol(schema.registry, query.value), query.value);
    case "fileContainingExtension": {
      const { containingType, extensionNumber } = query.value;
      const extendee = schema.registry.getMessage(containingType);
      const extension = extendee && schema.registry.getExtensionFor(extendee, extensionNumber);
      return fileAnswer(extension?.file, `extension ${extensionNumber} of ${containingType}`);
    }
    case "allExtensionNumbersOfType":
      return extensionNumbersAnswer(schema.registry, query.value);
    default:
      return errorAnswer(Code.InvalidArgument, "the request asks nothing");
  }
}

function fileAnswer(file: DescFile | undefined, asked: string) {
  if (file === undefined) return errorAnswer(Code.NotFound, `${asked} is not known here`);
  const files = new Map<string, DescFile>();
  addWithDependencies(file, files);
  const fileDescriptorProto = [...files.values()].map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto));
  return { case: "fileDescriptorResponse" as const, value: { fileDescriptorProto } };
}

/** A symbol may be a service, message or enum, or inside one: a method, a field, a value. */
function fileOfSymbol(registry: Registry, symbol: string): DescFile | undefined {
  for (let name = symbol.replace(/^\./, ""); name !== ""; name = name.slice(0, Math.max(0, name.lastIndexOf(".")))) {
    const found = registry.get(name);
    if (found) return found.file;
  }
  return undefined;
}

function extensionNumbersAnswer(registry: Registry, baseTypeName: string) {
  if (!registry.getMessage(baseTypeName)) return errorAnswer(Code.NotFound, `${baseTypeName} is not known here`);
  const extensionNumber = [...registry].flatMap((type) =>
    type.kind === "extension" && type.extendee.typeName === baseTypeName ? [type.number] : [],
  );
  return { case: "allExtensionNumbersResponse" as const, value: { baseTypeName, extensionNumber } };
}

/** gRPC's codes have the numbers of Connect's. */
function errorAnswer(errorCode: Code, errorMessage: string) {
  return { case: "errorResponse" as const, value: { errorCode, errorMessage } };
}
