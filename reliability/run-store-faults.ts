import { renameSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { type FaultGateway, startFaultGateway } from "./fault-gateway.ts";
import { runDiskFault } from "./run-disk-fault.ts";
import { startCalling } from "./store-calls.ts";
import { createAdministrator } from "./store-changes.ts";
import { fillDisk, lockDatabase, makeStoreDisk, type StoreDisk } from "./store-disk.ts";
import {
  administer,
  adminToken,
  type StoreFaultResult,
  type StoreFaultRun,
  toldOtherwise,
} from "./store-fault-result.ts";

/** One way in which the database is taken away. */
export interface StoreFault {
  readonly name: string;
  /** Disposing gives it back. */
  readonly begin: (disk: StoreDisk) => Disposable;
  readonly needsSmallDisk?: boolean;
  /** What an administrator is told. With room in the log, a change may go well on a full disk. */
  readonly told: readonly string[];
}

export const storeFaults: readonly StoreFault[] = [
  { name: "locked by another process", begin: lockDatabase, told: ["unavailable"] },
  { name: "its file moved away and back", begin: moveAway, told: ["unavailable"] },
  { name: "its disk full", begin: fillDisk, needsSmallDisk: true, told: ["unavailable", "ok"] },
];

function moveAway({ file }: StoreDisk): Disposable {
  renameSync(file, `${file}.away`);
  return { [Symbol.dispose]: () => renameSync(`${file}.away`, file) };
}

/** Each fault with a gateway of its own, as far as this machine lets it be done. */
export async function runStoreFaults(run: StoreFaultRun): Promise<readonly StoreFaultResult[]> {
  const results: StoreFaultResult[] = [];
  for (const fault of storeFaults) {
    using disk = makeStoreDisk();
    if (fault.needsSmallDisk && !disk.isSmall) {
      run.onProgress?.(`${fault.name}: left out, since it takes root to make a small disk`);
      continue;
    }
    results.push(await runStoreFault(fault, disk, run));
    run.onProgress?.(`${fault.name}: done`);
  }
  const ofDisk = await runDiskFault(run);
  return ofDisk ? [...results, ofDisk] : results;
}

async function runStoreFault(
  fault: StoreFault,
  disk: StoreDisk,
  { faultMs }: StoreFaultRun,
): Promise<StoreFaultResult> {
  const environment = { DATABASE_URL: `sqlite:${disk.file}`, LIVELLM_ADMIN_TOKEN: adminToken };
  await using gateway = await startFaultGateway(environment);
  const { secret } = await administer(gateway.url, "AccessService/CreateToken", { token: { displayName: "caller" } });
  const administrator = createAdministrator(gateway.url, administer);
  const before = await administrator.changeAll("before");
  const calling = startCalling(gateway.url, String(secret));
  const begun = performance.now();
  const during: string[] = [];
  {
    using _ = fault.begin(disk);
    for (let i = 0; i === 0 || performance.now() - begun < faultMs; i++) {
      during.push(...(await administrator.changeAll(`during-${i}`)));
      await wait(200);
    }
  }
  const calls = await calling.stop();
  const after = await administrator.changeAll("after");
  const wrong = [
    ...toldOtherwise("before", before, ["ok"]),
    ...toldOtherwise("meanwhile", during, fault.told),
    ...(during.includes("unavailable") ? [] : ["nothing was refused: the fault was none"]),
    ...toldOtherwise("afterwards", after, ["ok"]),
    ...(await administrator.differences(gateway.url)),
    ...(await differencesAfterRestart(gateway, administrator, environment)),
  ];
  return { fault: fault.name, calls, changes: before.length + during.length + after.length, wrong };
}

/** What another process finds in the file, once the first was killed without a warning. */
async function differencesAfterRestart(
  gateway: FaultGateway,
  administrator: ReturnType<typeof createAdministrator>,
  environment: Readonly<Record<string, string>>,
): Promise<readonly string[]> {
  await gateway.end();
  await using again = await startFaultGateway(environment);
  return (await administrator.differences(again.url)).map((text) => `after a restart: ${text}`);
}
