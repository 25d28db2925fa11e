import { setTimeout as wait } from "node:timers/promises";
import { type FailingDisk, makeFailingDisk } from "./failing-disk.ts";
import { startFaultGateway } from "./fault-gateway.ts";
import { startCalling } from "./store-calls.ts";
import { type Administrator, createAdministrator } from "./store-changes.ts";
import {
  administer,
  adminToken,
  type StoreFaultResult,
  type StoreFaultRun,
  toldOtherwise,
} from "./store-fault-result.ts";

const fault = "its file system turned read-only";

/**
 * A disk fails under an open database. It does not come back by itself: the gateway is stopped, the disk is put right, and a
 * gateway that is started then has all that was acknowledged. Undefined where no such disk can be had.
 */
export async function runDiskFault({ faultMs, onProgress }: StoreFaultRun): Promise<StoreFaultResult | undefined> {
  using disk = makeFailingDisk();
  if (!disk) {
    onProgress?.(`${fault}: left out, since it takes root and a loop device to make such a disk`);
    return undefined;
  }
  const environment = { DATABASE_URL: `sqlite:${disk.file}`, LIVELLM_ADMIN_TOKEN: adminToken };
  await using gateway = await startFaultGateway(environment);
  const { secret } = await administer(gateway.url, "AccessService/CreateToken", { token: { displayName: "caller" } });
  const administrator = createAdministrator(gateway.url, administer);
  const before = await administrator.changeAll("before");
  const calling = startCalling(gateway.url, String(secret));
  const during = await changesWhileFailing(disk, administrator, faultMs);
  const calls = await calling.stop();
  const found = await administrator.differences(gateway.url);
  await gateway.end();
  disk.putBack();
  await using again = await startFaultGateway(environment);
  const after = await administrator.changeAll("after", again.url);
  const wrong = [
    ...toldOtherwise("before", before, ["ok"]),
    ...toldOtherwise("meanwhile", during, ["unavailable"]),
    ...found,
    ...toldOtherwise("afterwards", after, ["ok"]),
    ...(await administrator.differences(again.url)).map((text) => `after a restart: ${text}`),
  ];
  return { fault, calls, changes: before.length + during.length + after.length, wrong };
}

async function changesWhileFailing(
  disk: FailingDisk,
  administrator: Administrator,
  faultMs: number,
): Promise<readonly string[]> {
  disk.fail();
  const begun = performance.now();
  const during: string[] = [];
  for (let i = 0; i === 0 || performance.now() - begun < faultMs; i++) {
    during.push(...(await administrator.changeAll(`during-${i}`)));
    await wait(200);
  }
  return during;
}
