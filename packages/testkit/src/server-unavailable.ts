/**
 * Thrown when this machine has no way to run a server that tests need. The message says what was tried and how to get
 * one, so that whoever catches it can skip loudly.
 */
export class ServerUnavailable extends Error {
  override readonly name: string = 'ServerUnavailable'

  /**
   * @param what what there is none of, for example `Redis server`.
   * @param tried one phrase for each way that was tried, with why it did not work.
   * @param advice how to get one: a sentence.
   */
  constructor(what: string, tried: readonly string[], advice: string) {
    super(`No ${what} for the tests: ${tried.join('; ')}. ${advice}`)
  }
}
