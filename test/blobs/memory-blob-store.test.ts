import { MemoryBlobStore } from '../../src/blobs/memory-blob-store.js'
import { blobStoreContract } from '../contract/blob-store.contract.js'

blobStoreContract('MemoryBlobStore', async () => {
  const store = new MemoryBlobStore()
  return { store, put: async (path, bytes) => store.put(path, bytes) }
})
