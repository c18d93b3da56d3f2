// Loaded into each test process: on SIGUSR2 it tells what keeps the process alive, so that a leak can be found.
process.on('SIGUSR2', () => {
  process.stderr.write(`Still open: ${process.getActiveResourcesInfo().join(', ') || 'nothing'}\n`)
})
