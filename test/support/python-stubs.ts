import { readdirSync } from "node:fs";
import path from "node:path";
import { python } from "./foreign-tools.ts";
import { projectRoot, temporaryFolder } from "./gateway.ts";
import { run } from "./process.ts";

/** Makes Python's stubs of the contract, as a Python user would, and returns their folder. */
export async function makePythonStubs(): Promise<string> {
  const folder = temporaryFolder();
  const protos = readdirSync(path.join(projectRoot, "proto/livellm/v1")).map((name) => `livellm/v1/${name}`);
  const args = ["-m", "grpc_tools.protoc", "-I", "proto", `--python_out=${folder}`, `--grpc_python_out=${folder}`];
  const { code, stderr } = await run(python.program, [...args, ...protos], { cwd: projectRoot });
  if (code !== 0) throw new Error(`no stubs for Python: ${stderr}`);
  return folder;
}
