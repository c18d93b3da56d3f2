/** The brokers in KAFKA_BROKERS, or the one that a developer runs, for programs that can't do without. */
export const brokers = (process.env.KAFKA_BROKERS ?? '127.0.0.1:9092').split(',')
