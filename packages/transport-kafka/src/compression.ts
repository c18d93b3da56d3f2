import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import { BusbarError, reasonOf } from '@busbar/core'
import kafkajs from 'kafkajs'
import type { BatchCompressor } from './record-batch.js'
import { snappyFramed, snappyUnframed } from './xerial-snappy.js'

/** How a batch's records are compressed. All but `gzip` need an optional package, see `docs/decisions`. */
export type CompressionName = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'

/** Compresses and decompresses the records of a batch. */
export interface Codec extends BatchCompressor {
  decompress(compressed: Buffer): Promise<Buffer>
}

/** Imports a package by its name; replaced in tests. */
export type PackageImporter = (name: string) => Promise<unknown>

type Transform = (bytes: Uint8Array) => Promise<Buffer> | Buffer | Uint8Array

/** Node's own zstd, from 22.15 and 23.8 on. */
interface ZlibWithZstd {
  zstdCompress?: (bytes: Uint8Array, done: (error: Error | null, result: Buffer) => void) => void
  zstdDecompress?: (bytes: Uint8Array, done: (error: Error | null, result: Buffer) => void) => void
}

const ids = { gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const

const loaders = {
  gzip: async () => ({
    compress: promisify<Uint8Array, Buffer>(gzip),
    decompress: promisify<Uint8Array, Buffer>(gunzip),
  }),
  snappy: async (load: PackageImporter) => {
    const { compress, uncompress } = await peer<{ compress: Transform; uncompress: Transform }>(
      load,
      'snappy',
      'snappy',
    )
    return { compress: snappyFramed(compress), decompress: snappyUnframed(uncompress) }
  },
  lz4: async (load: PackageImporter) => {
    const { compressFrame, decompressFrame } = await peer<{
      compressFrame: Transform
      decompressFrame: Transform
    }>(load, 'lz4-napi', 'lz4')
    return { compress: compressFrame, decompress: decompressFrame }
  },
  zstd: async (load: PackageImporter) => {
    const { zstdCompress, zstdDecompress } = (await import('node:zlib')) as ZlibWithZstd
    if (zstdCompress && zstdDecompress) {
      return { compress: promisify(zstdCompress), decompress: promisify(zstdDecompress) }
    }
    const { Zstd } = await peer<{
      Zstd: { load(): Promise<{ compress: Transform; decompress: Transform }> }
    }>(load, '@hpcc-js/wasm-zstd', 'zstd')
    const zstd = await Zstd.load()
    return {
      compress: (bytes: Uint8Array) => zstd.compress(bytes),
      decompress: (bytes: Uint8Array) => zstd.decompress(bytes),
    }
  },
} satisfies Record<string, (load: PackageImporter) => Promise<{ compress: Transform; decompress: Transform }>>

const importPackage: PackageImporter = name => import(name)

/**
 * The codec of this name, undefined for `none`. It is made known to kafkajs too, whose consumers use it from then on.
 *
 * @throws BusbarError `CONFIG_INVALID` when its package is not installed, naming it.
 */
export async function loadCodec(
  name: CompressionName,
  load: PackageImporter = importPackage,
): Promise<Codec | undefined> {
  if (name === 'none') return undefined
  if (!Object.hasOwn(loaders, name)) {
    throw new BusbarError(
      'CONFIG_INVALID',
      `There is no compression "${name}": use none, gzip, snappy, lz4 or zstd`,
    )
  }
  const { compress, decompress } = await loaders[name](load)
  const codec: Codec = {
    id: ids[name],
    compress: async bytes => await compress(bytes),
    decompress: async bytes => asBuffer(await decompress(bytes)),
  }
  if (name !== 'gzip') register(codec)
  return codec
}

/** Makes every codec whose package is there known to kafkajs, for consuming what others compressed. */
export async function registerCodecs(load: PackageImporter = importPackage): Promise<CompressionName[]> {
  const names = ['snappy', 'lz4', 'zstd'] as const
  const results = await Promise.allSettled(names.map(name => loadCodec(name, load)))
  return names.filter((_, i) => results[i]?.status === 'fulfilled')
}

function register(codec: Codec): void {
  kafkajs.CompressionCodecs[codec.id as keyof typeof kafkajs.CompressionCodecs] = () => ({
    compress: async (encoder: { buffer: Buffer }) => asBuffer(await codec.compress(encoder.buffer)),
    decompress: (bytes: Buffer) => codec.decompress(bytes),
  })
}

async function peer<T>(load: PackageImporter, name: string, compression: string): Promise<T> {
  try {
    const loaded = (await load(name)) as { default?: object }
    // A CommonJS package may have its exports only in `default`.
    return { ...loaded.default, ...loaded } as T
  } catch (cause) {
    const message = `The compression "${compression}" needs the package ${name}: install it (${reasonOf(cause)})`
    throw new BusbarError('CONFIG_INVALID', message, { cause })
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
