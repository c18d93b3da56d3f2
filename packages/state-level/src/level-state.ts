import { mkdir, rm } from 'node:fs/promises'
import { BusbarError, type StateProvider, type StateStore, type StateStoreId } from '@busbar/core'
import { ClassicLevel } from 'classic-level'
import { stateFailure } from './level-failure.js'
import { type Database, LevelStore } from './level-store.js'
import { storeFolder } from './store-folder.js'

export interface LevelStateOptions {
  /**
   * Where the stores are, created if need be. It must survive restarts to be of use, and may be shared by the instances
   * of one machine: partitions that move between them then take their state along.
   */
  readonly folder: string
  /** Memory of each open store for blocks that were read, in bytes. Default: 8 MiB. */
  readonly cacheSize?: number
  /** Memory of each open store for what was written last, in bytes; it may take twice that. Default: 4 MiB. */
  readonly writeBufferSize?: number
}

/**
 * Keeps state on disk, with LevelDB: one database for each partition of each store. What a killed process has written is
 * there; a loss of power may undo the last writes, which the changelog then brings back.
 * @throws BusbarError `CONFIG_INVALID` without a folder.
 */
export function levelState(options: LevelStateOptions): StateProvider {
  if (typeof options?.folder !== 'string' || options.folder === '')
    throw new BusbarError('CONFIG_INVALID', 'levelState: option "folder" must be a path')
  const { folder, cacheSize = 8 * 1024 * 1024, writeBufferSize = 4 * 1024 * 1024 } = options
  return {
    name: 'level',
    durable: true,
    async open(id) {
      const location = storeFolder(folder, id)
      return opened(
        location,
        id,
        () =>
          new ClassicLevel<Uint8Array, Uint8Array>(location, {
            keyEncoding: 'view',
            valueEncoding: 'view',
            cacheSize,
            writeBufferSize,
          }),
      )
    },
    destroy: id => remove(storeFolder(folder, id), id),
  }
}

async function opened(location: string, id: StateStoreId, create: () => Database): Promise<StateStore> {
  try {
    await mkdir(location, { recursive: true })
    const database = create()
    await database.open()
    try {
      return await LevelStore.of(database, id, () => remove(location, id))
    } catch (thrown) {
      await database.close()
      throw thrown
    }
  } catch (thrown) {
    throw stateFailure('opening', id, thrown)
  }
}

async function remove(location: string, id: StateStoreId): Promise<void> {
  try {
    // Refuses a database that somebody has open, and leaves files that are none of its own.
    await ClassicLevel.destroy(location)
    await rm(location, { recursive: true, force: true })
  } catch (thrown) {
    throw stateFailure('destroying', id, thrown)
  }
}
