import { monitorEventLoopDelay, performance } from "node:perf_hooks";
import { getHeapStatistics } from "node:v8";
import type { MetricRegistry, ObservedMetric } from "./metric-registry.ts";

/** How often the event loop is looked at, in milliseconds; a server that rests should rest. */
const delayResolutionMs = 50;

/** What the process takes: CPU, memory, sockets, and how long its event loop keeps things waiting. */
export function observeProcess(registry: MetricRegistry): Disposable {
  const delay = monitorEventLoopDelay({ resolution: delayResolutionMs });
  delay.enable();
  for (const metric of [...resources(), ...eventLoop(delay)]) registry.observe(metric);
  return { [Symbol.dispose]: () => void delay.disable() };
}

function resources(): readonly ObservedMetric[] {
  return [
    {
      ...of("process.cpu.time", "s", "CPU time that the process has used."),
      attributes: ["cpu.mode"],
      type: "counter",
      observe: () => cpuTimes().map(([mode, value]) => ({ attributes: { "cpu.mode": mode }, value })),
    },
    {
      ...of("process.memory.usage", "By", "Memory that the process holds."),
      ...gauge(() => process.memoryUsage.rss()),
    },
    {
      ...of("v8js.memory.heap.used", "By", "Memory of the JavaScript heap in use."),
      ...gauge(() => getHeapStatistics().used_heap_size),
    },
    {
      ...of("v8js.memory.heap.limit", "By", "The most that the JavaScript heap may take."),
      ...gauge(() => getHeapStatistics().heap_size_limit),
    },
    { ...of("process.uptime", "s", "How long the process has been running."), ...gauge(() => process.uptime()) },
    { ...of("livellm.sockets.open", "{socket}", "Open TCP sockets, callers' and providers'."), ...gauge(openSockets) },
  ];
}

/** The delays are those since they were last asked for. */
function eventLoop(delay: ReturnType<typeof monitorEventLoopDelay>): readonly ObservedMetric[] {
  const seconds = (nanoseconds: number) => Math.max(nanoseconds / 1e9 - delayResolutionMs / 1000, 0);
  return [
    {
      ...of(
        "nodejs.eventloop.utilization",
        "1",
        "The share of time in which the event loop is not idle, since the start.",
      ),
      ...gauge(() => performance.eventLoopUtilization().utilization),
    },
    {
      ...of("nodejs.eventloop.delay.p50", "s", "How late the event loop is: the median since the last look."),
      ...gauge(() => seconds(delay.percentile(50))),
    },
    {
      ...of("nodejs.eventloop.delay.p99", "s", "How late the event loop is: the 99th percentile since the last look."),
      ...gauge(() => seconds(delay.percentile(99))),
    },
    {
      ...of("nodejs.eventloop.delay.max", "s", "How late the event loop is: the longest since the last look."),
      ...gauge(() => {
        const longest = seconds(delay.max);
        delay.reset();
        return longest;
      }),
    },
  ];
}

function of(name: string, unit: string, description: string) {
  return { name, unit, description, attributes: [] };
}

function gauge(read: () => number): Pick<ObservedMetric, "type" | "observe"> {
  return { type: "gauge", observe: () => [{ attributes: {}, value: read() }] };
}

function cpuTimes(): readonly (readonly [mode: string, seconds: number])[] {
  const { user, system } = process.cpuUsage();
  return [
    ["user", user / 1e6],
    ["system", system / 1e6],
  ];
}

function openSockets(): number {
  return process.getActiveResourcesInfo().filter((type) => type === "TCPSocketWrap").length;
}
