import { MemoryIndexFile } from '../../src/materialise/memory-index-file.js'
import { indexFileContract } from '../contract/index-file.contract.js'

indexFileContract('MemoryIndexFile', async () => new MemoryIndexFile())
