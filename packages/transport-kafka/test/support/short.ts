/** In CI one short case stands for all of a kind; `pnpm cluster-faults` runs them all. */
export const short = Boolean(process.env['CI'])
