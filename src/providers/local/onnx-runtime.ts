import { createRequire } from "node:module";
import path from "node:path";

/** What is used of onnxruntime-node, which is installed beside the models and not with this project (288 MB). */
export interface OnnxRuntime {
  readonly Tensor: new (
    type: "float32" | "int64" | "bool",
    data: Float32Array | BigInt64Array | Uint8Array,
    dims: readonly number[],
  ) => OnnxTensor;
  readonly InferenceSession: {
    create(file: string, options: Readonly<Record<string, unknown>>): Promise<OnnxSession>;
  };
}

export interface OnnxTensor {
  readonly data: unknown;
  readonly dims: readonly number[];
}

/** A loaded model. It runs on the calling thread: workers only. */
export interface OnnxSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /** Only the outputs that are named are made, which spares copies. */
  run(inputs: OnnxTensors, outputNames: readonly string[]): Promise<OnnxTensors>;
}

export type OnnxTensors = Readonly<Record<string, OnnxTensor>>;

/** From the engine's folder. */
export function loadOnnxRuntime(engineFolder: string): OnnxRuntime {
  return createRequire(path.join(engineFolder, "package.json"))("onnxruntime-node");
}

/** One thread a model: there are several workers, and the event loop needs a core too. Level 3 logs errors alone. */
export function loadModel(runtime: OnnxRuntime, file: string): Promise<OnnxSession> {
  return runtime.InferenceSession.create(file, { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 });
}

/** An output as numbers. */
export function numbers(tensor: OnnxTensor | undefined): Float32Array {
  if (tensor?.data instanceof Float32Array) return tensor.data;
  throw new Error("the model gave no numbers");
}
