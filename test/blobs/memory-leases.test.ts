import { MemoryLeases } from '../../src/blobs/memory-leases.js'
import { leasesContract } from '../contract/leases.contract.js'

leasesContract('MemoryLeases', async () => new MemoryLeases())
