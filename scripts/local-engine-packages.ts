// What the local engine is made of: packages of the registry, pinned to the byte, and which of their files are kept.

/** A package and what of it is wanted. */
export interface EnginePackage {
  readonly name: string;
  readonly version: string;
  /** Of the code and, where it holds weights, of those. */
  readonly licence: string;
  /** The tarball's SHA-512, base64, as the registry and package-lock.json have it. */
  readonly sha512: string;
  /** Where a file of the package goes below the engine's folder; undefined: it is not kept. */
  readonly place: (path: string) => string | undefined;
}

const runtime = `bin/napi-v6/${process.platform}/${process.arch}/`;

export const enginePackages: readonly EnginePackage[] = [
  {
    name: "onnxruntime-common",
    version: "1.30.0",
    licence: "MIT",
    sha512: "7fdVWjAID1dVhH/G8qK3APARunV4VkBFoCQAP7qp4Wkab0mrorvmc+sqiT+mKXOzDqdjN5j+/Z9nb4gzNPWcyA==",
    place: (path) =>
      path === "package.json" || /^dist\/cjs\/.*\.(js|json)$/.test(path)
        ? `node_modules/onnxruntime-common/${path}`
        : undefined,
  },
  {
    name: "onnxruntime-node",
    version: "1.30.0",
    licence: "MIT",
    sha512: "twhs1C2C/BFkz1yc5OY0KIU2GUq6DURO7hD4bx5Q2Qy3nAMJwRXW8xU3NVczE29VA9lolLOYepoD8fjTGOfIqw==",
    place: (path) =>
      path === "package.json" || /^dist\/.*\.js$/.test(path) || path.startsWith(runtime)
        ? `node_modules/onnxruntime-node/${path}`
        : undefined,
  },
  {
    name: "@usefulsensors/moonshine-js",
    version: "0.1.5",
    licence: "MIT (code and English models)",
    sha512: "kkNXgm3kRz9hb0qWuawK15/cvSN3TZtujQY9syBdyrqXzdWxtxGsRSssJ7ZEtQlFWhNSvVwkwGGBbDnN7WuNGQ==",
    place: (path) => {
      const [, size, part] = /^dist\/model\/(tiny|base)\/quantized\/(encoder|decoder)_model\w*\.onnx$/.exec(path) ?? [];
      return size && part && `models/moonshine-${size}/${part}.onnx`;
    },
  },
  {
    name: "llama-tokenizer-js",
    version: "1.2.2",
    licence: "MIT",
    sha512: "Wmth393dc3odWU3IzARJ3r2oIfWgw9GdJ5Gm+hGhfECNO18UHLRqEFSf511jn4E9KcQGzuuKw4Wl08pHAemLAw==",
    place: (path) =>
      path === "package.json" || path === "llama-tokenizer.js" ? `node_modules/llama-tokenizer-js/${path}` : undefined,
  },
  {
    name: "@ricky0123/vad-web",
    version: "0.0.31",
    licence: "ISC (code), MIT (the Silero model)",
    sha512: "ePVq8TvB21sdHSxVMZOEIf9JVa7MAYpaIaNXeGgsPOiMCN8xbPCdF2LS5aYj7VRR3ZxzutedgV9ZplV65IA1Fg==",
    place: (path) => (path === "dist/silero_vad_v6.onnx" ? "models/silero-vad.onnx" : undefined),
  },
];
