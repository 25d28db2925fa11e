#!/usr/bin/env node
// Plain old JavaScript on purpose: any Node must be able to read it, to say what is wrong or to find a newer one.
const [major, minor] = process.versions.node.split(".").map(Number);

if (major > 22 || (major === 22 && minor >= 18)) {
  import("../dist/src/cli/livellm.js").catch(cannotStart);
} else {
  Promise.all([import("node:module"), import("node:child_process")]).then(startNewer, cannotStart);
}

/** A checkout of livellm has a newer Node among its packages. */
function startNewer([{ createRequire }, { spawn }]) {
  const node = findNode(createRequire(import.meta.url));
  if (node === undefined) {
    console.error(`livellm needs Node 22.18 or newer; this is ${process.version} (${process.execPath}).`);
    process.exit(1);
  }
  const child = spawn(node, process.argv.slice(1), { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("error", cannotStart);
  child.on("exit", (code, signal) => process.exit(signal ? 1 : code));
}

function findNode(require) {
  const system = process.platform === "win32" ? "win" : process.platform;
  for (const name of [`node-${system}-${process.arch}`, `node-bin-${system}-${process.arch}`]) {
    try {
      return require.resolve(`${name}/bin/node`);
    } catch {
      // not among its packages
    }
  }
  return undefined;
}

function cannotStart(error) {
  console.error(error);
  process.exit(1);
}
