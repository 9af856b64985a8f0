/**
 * The program of every pod's sandbox container, as machine code: it holds the pod's namespaces, reaps orphans when it is
 * process 1 of a shared process namespace, and ends with 0 on TERM or INT. A static ELF file of a few hundred bytes:
 *
 *   block every signal
 *   loop:  wait for a signal; TERM and INT end the process
 *   reap:  wait4(any child, WNOHANG) until there is none left, then loop
 */

export type Architecture = 'amd64' | 'arm64'

const loadAddress = 0x400000
const codeOffset = 64 + 56

/** The executable for a machine of this architecture. */
export function assemblePause(architecture: Architecture): Buffer {
  return architecture === 'amd64' ? wrapElf(62, amd64Code()) : wrapElf(183, arm64Code())
}

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')

function amd64Code(): Buffer {
  const maskAddress = Buffer.alloc(8)
  const lines = (mask: Buffer): Buffer =>
    Buffer.concat([
      hex('b8 0e000000'), //            mov eax, 14         rt_sigprocmask
      hex('31 ff'), //                  xor edi, edi        SIG_BLOCK
      hex('48 be'), // mask             movabs rsi, mask
      mask,
      hex('31 d2'), //                  xor edx, edx        no old mask
      hex('41 ba 08000000'), //         mov r10d, 8         size of the mask
      hex('0f 05'), //                  syscall
      hex('b8 80000000'), //      loop: mov eax, 128        rt_sigtimedwait
      hex('48 bf'), // mask             movabs rdi, mask
      mask,
      hex('31 f6'), //                  xor esi, esi        no information wanted
      hex('31 d2'), //                  xor edx, edx        no time limit
      hex('41 ba 08000000'), //         mov r10d, 8
      hex('0f 05'), //                  syscall             the signal's number in eax
      hex('83 f8 0f'), //               cmp eax, 15         SIGTERM
      hex('74 21'), //                  je exit
      hex('83 f8 02'), //               cmp eax, 2          SIGINT
      hex('74 1c'), //                  je exit
      hex('b8 3d000000'), //      reap: mov eax, 61         wait4
      hex('bf ffffffff'), //            mov edi, -1         any child
      hex('31 f6'), //                  xor esi, esi
      hex('ba 01000000'), //            mov edx, 1          WNOHANG
      hex('45 31 d2'), //               xor r10d, r10d
      hex('0f 05'), //                  syscall
      hex('85 c0'), //                  test eax, eax
      hex('7f e6'), //                  jg reap
      hex('eb bf'), //                  jmp loop
      hex('b8 e7000000'), //      exit: mov eax, 231        exit_group
      hex('31 ff'), //                  xor edi, edi        code 0
      hex('0f 05'), //                  syscall
      hex('ff ff ff ff ff ff ff ff'), // mask: all 64 signals
    ])
  const size = lines(maskAddress).length
  maskAddress.writeBigUInt64LE(BigInt(loadAddress + codeOffset + size - 8))
  return lines(maskAddress)
}

/** Instructions of AArch64 as 32-bit words; the operand fields are those of the architecture's manual. */
export const arm64 = {
  /** mov xD, #value (movz) */
  set: (register: number, value: number): number => (0xd2800000 | (value << 5) | register) >>> 0,
  /** mov xD, #-1 (movn xD, #0) */
  setMinusOne: (register: number): number => (0x92800000 | register) >>> 0,
  /** adr xD, here + offset */
  addressOf: (register: number, offset: number): number =>
    (0x10000000 | ((offset & 3) << 29) | (((offset >> 2) & 0x7ffff) << 5) | register) >>> 0,
  /** cmp wN, #value */
  compare: (register: number, value: number): number => (0x7100001f | (value << 10) | (register << 5)) >>> 0,
  branchIfEqual: (offset: number): number => (0x54000000 | (((offset >> 2) & 0x7ffff) << 5)) >>> 0,
  branchIfGreater: (offset: number): number => (0x5400000c | (((offset >> 2) & 0x7ffff) << 5)) >>> 0,
  branch: (offset: number): number => (0x14000000 | ((offset >> 2) & 0x3ffffff)) >>> 0,
  systemCall: 0xd4000001,
}

function arm64Code(): Buffer {
  type Instruction = number | ((here: number, at: Readonly<Record<string, number>>) => number) | string
  const to =
    (make: (offset: number) => number, label: string) => (here: number, at: Readonly<Record<string, number>>) =>
      make(at[label]! - here)
  const program: Instruction[] = [
    arm64.set(8, 135), // rt_sigprocmask
    arm64.set(0, 0), // SIG_BLOCK
    to((offset) => arm64.addressOf(1, offset), 'mask'),
    arm64.set(2, 0), // no old mask
    arm64.set(3, 8), // size of the mask
    arm64.systemCall,
    'loop',
    arm64.set(8, 137), // rt_sigtimedwait
    to((offset) => arm64.addressOf(0, offset), 'mask'),
    arm64.set(1, 0), // no information wanted
    arm64.set(2, 0), // no time limit
    arm64.set(3, 8),
    arm64.systemCall,
    arm64.compare(0, 15), // SIGTERM
    to(arm64.branchIfEqual, 'exit'),
    arm64.compare(0, 2), // SIGINT
    to(arm64.branchIfEqual, 'exit'),
    'reap',
    arm64.set(8, 260), // wait4
    arm64.setMinusOne(0), // any child
    arm64.set(1, 0),
    arm64.set(2, 1), // WNOHANG
    arm64.set(3, 0),
    arm64.systemCall,
    arm64.compare(0, 0),
    to(arm64.branchIfGreater, 'reap'),
    to(arm64.branch, 'loop'),
    'exit',
    arm64.set(8, 94), // exit_group
    arm64.set(0, 0),
    arm64.systemCall,
    'mask',
    0xffffffff,
    0xffffffff,
  ]
  const at: Record<string, number> = {}
  let position = 0
  for (const item of program) {
    if (typeof item === 'string') at[item] = position
    else position += 4
  }
  const code = Buffer.alloc(position)
  position = 0
  for (const item of program) {
    if (typeof item === 'string') continue
    code.writeUInt32LE(typeof item === 'number' ? item : item(position, at), position)
    position += 4
  }
  return code
}

/** One readable and executable segment that holds the whole file, entered right after the headers. */
function wrapElf(machine: number, code: Buffer): Buffer {
  const header = Buffer.alloc(codeOffset)
  header.write('\x7fELF', 'latin1')
  header.set([2, 1, 1], 4) // 64 bits, little endian, version 1
  header.writeUInt16LE(2, 16) // an executable at a fixed address
  header.writeUInt16LE(machine, 18)
  header.writeUInt32LE(1, 20)
  header.writeBigUInt64LE(BigInt(loadAddress + codeOffset), 24) // entry
  header.writeBigUInt64LE(64n, 32) // where the program header is
  header.writeUInt16LE(64, 52) // size of this header
  header.writeUInt16LE(56, 54) // size of a program header
  header.writeUInt16LE(1, 56) // how many
  const size = BigInt(codeOffset + code.length)
  header.writeUInt32LE(1, 64) // load
  header.writeUInt32LE(5, 68) // readable, executable
  header.writeBigUInt64LE(BigInt(loadAddress), 80)
  header.writeBigUInt64LE(BigInt(loadAddress), 88)
  header.writeBigUInt64LE(size, 96) // in the file
  header.writeBigUInt64LE(size, 104) // in memory
  header.writeBigUInt64LE(0x1000n, 112) // alignment
  return Buffer.concat([header, code])
}
