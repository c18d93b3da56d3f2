/** A series of an answer of Prometheus, at one moment. */
interface PrometheusSeries {
  readonly metric: Readonly<Record<string, string>>
  readonly value: number
}

/** A client of Prometheus's HTTP API. */
export interface PrometheusClient {
  /** The series that an expression has now. Rejects with what Prometheus says of one that it can't evaluate. */
  query(expression: string): Promise<readonly PrometheusSeries[]>
  /** What stands at a path of the API. */
  get<T>(path: string): Promise<T>
}

export function prometheusClient(url: string): PrometheusClient {
  const get = async <T>(path: string): Promise<T> => {
    const answer = await fetch(`${url}/api/v1/${path}`, { headers: { connection: 'close' } })
    const body = (await answer.json()) as { status: string; data: T; error?: string }
    if (body.status !== 'success') throw new Error(`${decodeURIComponent(path)}: ${body.error}`)
    return body.data
  }
  return {
    get,
    query: async expression => {
      const { result } = await get<{ result: { metric: Record<string, string>; value: [number, string] }[] }>(
        `query?query=${encodeURIComponent(expression)}`,
      )
      return result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }))
    },
  }
}
