// Loaded into a gateway with `node --import`: SIGUSR2 sets its clock an hour forward, and the next one back again, as a
// machine does that finds its time. Timers go on, as the kernel's do.
const real = Date.now;
let offsetMs = 0;
Date.now = () => real() + offsetMs;
process.on("SIGUSR2", () => {
  offsetMs = offsetMs === 0 ? 3_600_000 : 0;
});
