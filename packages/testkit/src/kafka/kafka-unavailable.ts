import { ServerUnavailable } from '../server-unavailable.js'

/** Thrown when this machine has no way to run a Kafka broker. */
export class KafkaUnavailable extends ServerUnavailable {
  override readonly name = 'KafkaUnavailable'

  /** @param tried one phrase for each way that was tried, with why it did not work. */
  constructor(tried: readonly string[]) {
    super('Kafka broker', tried, 'Set KAFKA_BROKERS=host:port, start docker, or install Java 17+ and Maven.')
  }
}
