export type { ExemplarSpan } from './exemplar.js'
export type { MetricsRegister } from './metric-set.js'
export { type MetricsOptions, metrics } from './metrics.js'
