/** Avro's binary form, written by hand into one buffer. */

import java.util.Arrays;

final class Out {
    private byte[] bytes = new byte[512];
    private int length;

    /** Begins a record: magic byte, schema id, and the place of its cause. */
    Out begin(int schema, int partition, long offset) {
        length = 0;
        room(8);
        bytes[length++] = 0;
        for (int shift = 24; shift >= 0; shift -= 8) {
            bytes[length++] = (byte) (schema >> shift);
        }
        return place(partition, offset);
    }

    Out place(int partition, long offset) {
        return number(1).number(partition).number(offset);
    }

    Out number(long value) {
        room(10);
        long rest = value << 1 ^ value >> 63;
        while ((rest & ~0x7fL) != 0) {
            bytes[length++] = (byte) (rest | 0x80);
            rest >>>= 7;
        }
        bytes[length++] = (byte) rest;
        return this;
    }

    Out text(byte[] text) {
        return number(text.length).raw(text, 0, text.length);
    }

    Out raw(byte[] from, int start, int end) {
        room(end - start);
        System.arraycopy(from, start, bytes, length, end - start);
        length += end - start;
        return this;
    }

    /** The shortest two's complement of a number in units of 10^-10. */
    Out decimal(long value) {
        int size = (72 - Long.numberOfLeadingZeros(value ^ value >> 63)) / 8;
        number(size);
        room(8);
        for (int shift = 8 * (size - 1); shift >= 0; shift -= 8) {
            bytes[length++] = (byte) (value >> shift);
        }
        return this;
    }

    byte[] end() {
        return Arrays.copyOf(bytes, length);
    }

    private void room(int more) {
        if (length + more > bytes.length) {
            bytes = Arrays.copyOf(bytes, 2 * (length + more));
        }
    }
}
