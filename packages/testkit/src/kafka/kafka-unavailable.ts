/**
 * Thrown when this machine has no way to run a Kafka broker. The message says what was tried and how to get one, so
 * that whoever catches it can skip loudly.
 */
export class KafkaUnavailable extends Error {
  override readonly name = 'KafkaUnavailable'

  /** @param tried one phrase for each way that was tried, with why it did not work. */
  constructor(tried: readonly string[]) {
    super(
      `No Kafka broker for the tests: ${tried.join('; ')}. ` +
        'Set KAFKA_BROKERS=host:port, start docker, or install Java 17+ and Maven.',
    )
  }
}
