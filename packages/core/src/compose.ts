import { BusbarError } from './error.js'

/** Runs what is inside. Must be awaited (or returned), and called at most once; not calling it ends the chain here. */
export type Next = () => Promise<void>

/** One layer of an onion, as in Koa: work before, `await next()`, work after. */
export type Layer<Context> = (context: Context, next: Next) => void | Promise<void>

export interface NamedLayer<Context> {
  readonly name: string
  /** Whether `next()` may be called again once the call before has ended: what retries needs it. Default: false. */
  readonly reruns?: boolean
  /** Whether it may fail while its inside still runs: what limits time needs it. Default: false. */
  readonly abandons?: boolean
  readonly run: Layer<Context>
}

/**
 * Makes one function of layers around a core. A layer that calls `next()` twice, or ends without having awaited it,
 * fails with `MIDDLEWARE_MISUSED`: a lost `next()` would acknowledge a record whose handler is still running.
 */
export function compose<Context>(
  layers: readonly NamedLayer<Context>[],
  core: (context: Context) => void | Promise<void>,
): (context: Context) => Promise<void> {
  return layers.reduceRight<(context: Context) => Promise<void>>(
    (inner, layer) => context => runLayer(layer, context, inner),
    async context => core(context),
  )
}

async function runLayer<Context>(
  layer: NamedLayer<Context>,
  context: Context,
  inner: (context: Context) => Promise<void>,
): Promise<void> {
  let call: NextCall | undefined
  let misuse: BusbarError | undefined
  let isOver = false
  const next = (): NextCall => {
    if (!isOver && (!call || (layer.reruns && call.settled))) {
      call = new NextCall(inner(context))
      return call
    }
    const fault = isOver
      ? 'called next() after it had returned: await what leads to it'
      : 'called next() twice: call it at most once per run'
    // Kept, so that a layer that swallows the rejection fails all the same; rejected, because a throw from a timer or an
    // event listener of the layer would end the process.
    misuse ??= new BusbarError('MIDDLEWARE_MISUSED', `middleware "${layer.name}" ${fault}`)
    return new NextCall(Promise.reject(misuse))
  }
  let returned: unknown
  try {
    returned = await layer.run(context, next)
  } catch (thrown) {
    isOver = true
    // What is inside must not go on after its record is settled, nor beside its own next try: wait for it.
    if (!layer.abandons) await call?.end
    throw misuse ?? thrown
  }
  isOver = true
  const isAwaited = call === undefined || (call.settled && call.observed)
  if (call === undefined && typeof returned === 'object' && returned !== null) {
    throw new BusbarError(
      'MIDDLEWARE_MISUSED',
      `middleware "${layer.name}" returned an object and did not call next(): is it a function that makes a middleware? Then call it: ${layer.name}()`,
    )
  }
  if (isAwaited && !misuse) return
  await call?.end
  throw (
    misuse ??
    new BusbarError(
      'MIDDLEWARE_MISUSED',
      `middleware "${layer.name}" did not await next(): write "await next()" or "return next()", else a record could be acknowledged before its handler is done`,
      call?.failure,
    )
  )
}

/**
 * The promise that `next()` returns. Not a native promise, because `await` on one cannot be observed; awaiting this one
 * calls `then`.
 */
class NextCall implements Promise<void> {
  readonly [Symbol.toStringTag] = 'Promise'
  readonly #inner: Promise<void>
  /** Resolves when the inside has settled, either way. */
  readonly end: Promise<void>
  settled = false
  observed = false
  /** What the inside failed with, if it did. */
  failure: { readonly cause: unknown } | undefined

  constructor(inner: Promise<void>) {
    this.#inner = inner
    this.end = inner.then(
      () => {
        this.settled = true
      },
      cause => {
        this.settled = true
        this.failure = { cause }
      },
    )
  }

  // biome-ignore lint/suspicious/noThenProperty: being awaited is what this class is for
  then<A = void, B = never>(
    // biome-ignore lint/suspicious/noConfusingVoidType: it stands in for a Promise<void>
    onFulfilled?: ((value: void) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.observed = true
    return this.#inner.then(onFulfilled, onRejected)
  }

  // biome-ignore lint/suspicious/noConfusingVoidType: it stands in for a Promise<void>
  catch<B = never>(onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<void | B> {
    return this.then(null, onRejected)
  }

  finally(onFinally?: (() => void) | null): Promise<void> {
    this.observed = true
    return this.#inner.finally(onFinally)
  }
}
