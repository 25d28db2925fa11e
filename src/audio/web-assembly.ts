/**
 * Writes WebAssembly, as far as it is needed here, by its specification (webassembly.github.io/spec/core/binary): a piece of
 * code is its bytes, and an instruction a function of the code that makes its operands.
 */
export type Code = readonly number[];

/** A function of 32-bit integers that gives nothing back. Its locals are numbered behind its parameters. */
export interface WasmFunction {
  readonly parameters: number;
  readonly locals: readonly ValueType[];
  readonly body: readonly Code[];
}

type ValueType = keyof typeof valueTypes;

const valueTypes = { i32: 0x7f, v128: 0x7b } as const;

/** Functions that run. What they do, they do to their memory. */
export interface WasmInstance<Name extends string> {
  readonly memory: ArrayBuffer;
  readonly functions: Readonly<Record<Name, (...parameters: readonly number[]) => void>>;
}

/** Undefined where the platform, or its processor, does not have what the functions use. */
export function instantiate<Name extends string>(
  memoryBytes: number,
  functions: Readonly<Record<Name, WasmFunction>>,
): WasmInstance<Name> | undefined {
  const { WebAssembly: platform } = globalThis as unknown as { readonly WebAssembly?: Platform<Name> };
  const code = writeModule(memoryBytes, functions);
  if (!platform?.validate(code)) return undefined;
  const { exports } = new platform.Instance(new platform.Module(code));
  return { memory: exports.memory.buffer, functions: exports };
}

/** What is used of WebAssembly, which the library of plain ECMAScript has no types for. */
interface Platform<Name extends string> {
  readonly Module: new (code: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: Exports<Name> };
  validate(code: Uint8Array): boolean;
}

type Exports<Name extends string> = WasmInstance<Name>["functions"] & {
  readonly memory: { readonly buffer: ArrayBuffer };
};

const pageBytes = 65_536;

/** A module of one memory, which does not grow. */
function writeModule(memoryBytes: number, functions: Readonly<Record<string, WasmFunction>>): Uint8Array {
  const pages = unsigned(Math.ceil(memoryBytes / pageBytes));
  const all = Object.values(functions);
  const names = Object.keys(functions).map((name, index) => [...text(name), 0, ...unsigned(index)]);
  return Uint8Array.of(
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, all.map(functionType)),
    ...section(3, [...all.keys()].map(unsigned)),
    ...section(5, [[1, ...pages, ...pages]]),
    ...section(7, [[...text("memory"), 2, 0], ...names]),
    ...section(10, all.map(functionCode)),
  );
}

function functionType({ parameters }: WasmFunction): Code {
  return [0x60, ...list(Array.from({ length: parameters }, () => [valueTypes.i32])), 0];
}

function functionCode({ locals, body }: WasmFunction): Code {
  const code = [...list(locals.map((type) => [1, valueTypes[type]])), ...body.flat(), 0x0b];
  return [...unsigned(code.length), ...code];
}

function section(id: number, items: readonly Code[]): Code {
  const content = list(items);
  return [id, ...unsigned(content.length), ...content];
}

function list(items: readonly Code[]): Code {
  return [...unsigned(items.length), ...items.flat()];
}

function text(value: string): Code {
  return list([...Buffer.from(value)].map((byte) => [byte]));
}

/** LEB128. */
function unsigned(value: number): Code {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

export function get(local: number): Code {
  return [0x20, ...unsigned(local)];
}

export function set(local: number, value: Code): Code {
  return [...value, 0x21, ...unsigned(local)];
}

/** Its body at least once, and as long as what `again` was given is not 0. */
export function loop(...body: readonly Code[]): Code {
  return [0x03, 0x40, ...body.flat(), 0x0b];
}

/** At the end of a loop. */
export function again(condition: Code): Code {
  return [...condition, 0x0d, 0];
}

export function when(condition: Code, ...body: readonly Code[]): Code {
  return [...condition, 0x04, 0x40, ...body.flat(), 0x0b];
}

const unary =
  (...instruction: Code) =>
  (a: Code): Code => [...a, ...instruction];
const binary =
  (...instruction: Code) =>
  (a: Code, b: Code): Code => [...a, ...b, ...instruction];
const vector = (instruction: number): Code => [0xfd, ...unsigned(instruction)];

/** Numbers without a sign, addresses among them. */
export const i32 = {
  /** Below 64. */
  constant: (value: number): Code => [0x41, value],
  add: binary(0x6a),
  subtract: binary(0x6b),
  multiply: binary(0x6c),
  isBelow: binary(0x49),
  isAtLeast: binary(0x4f),
};

/** Four 32-bit floats, at an address that is a multiple of 4. */
export const f32x4 = {
  zero: [...vector(12), ...new Uint8Array(16)] as Code,
  all: (value: number): Code => [0x43, ...new Uint8Array(Float32Array.of(value).buffer), ...vector(19)],
  load: (address: Code, offset = 0): Code => [...address, ...vector(0), 2, ...unsigned(offset)],
  add: binary(...vector(228)),
  subtract: binary(...vector(229)),
  multiply: binary(...vector(230)),
  floor: unary(...vector(104)),
  /** All ones where it is so, which as a number is -1. */
  isAtLeast: binary(...vector(70)),
  /** As integers; what is no number is 0. */
  toIntegers: unary(...vector(248)),
  /** The four in another order. */
  inOrder: (a: Code, lanes: readonly number[]): Code => [
    ...a,
    ...a,
    ...vector(13),
    ...lanes.flatMap((lane) => [0, 1, 2, 3].map((byte) => lane * 4 + byte)),
  ],
  /** The first of them. */
  storeFirst: (address: Code, a: Code): Code => [...address, ...a, ...vector(31), 0, 0x38, 2, 0],
};

export const i32x4 = { subtract: binary(...vector(177)) };

/** Eight 16-bit integers. */
export const i16x8 = {
  /** Of two times four of 32 bits; what is too large is clipped. */
  narrowed: binary(...vector(133)),
  store: (address: Code, a: Code): Code => [...address, ...a, ...vector(11), 1, 0],
};
