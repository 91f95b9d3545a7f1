/** The economic terms of a trade. */

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.nio.ByteBuffer;
import java.util.Currency;
import java.util.HashMap;
import java.util.Map;
import org.apache.avro.generic.GenericRecord;

record Terms(
        String contract, boolean buy, BigDecimal quantity, BigDecimal price, String currency,
        int tradeDate, long execTime, long sourceSeq, Integer settleDate) {
    /** Decimal places of quantities and prices on the wire. */
    static final int SCALE = 10;
    private static final int DIGITS = 28;
    private static final BigInteger LONG_MAX = BigInteger.valueOf(Long.MAX_VALUE);

    static Terms read(GenericRecord fields) throws Schemas.Unreadable {
        if (fields.hasField("relief") && fields.get("relief") != null) {
            throw new UnsupportedOperationException("the judge follows no orders for single closes: give it trades without");
        }
        String side = fields.get("side").toString();
        var terms = new Terms(
                fields.get("contract_id") == null ? null : Trade.name(fields.get("contract_id"), Trade.ID_LENGTH),
                side.equals("BUY"), decimal(fields.get("quantity")), decimal(fields.get("price")),
                Schemas.text(fields.get("currency")), (int) fields.get("trade_date"), (long) fields.get("exec_time"),
                (long) fields.get("source_seq"), (Integer) fields.get("settle_date"));
        if (side.equals("UNKNOWN") || terms.quantity.signum() <= 0 || terms.price.signum() < 0 || terms.sourceSeq < 0) {
            throw new Schemas.Unreadable("terms out of range");
        }
        if (terms.settleDate != null && terms.settleDate < terms.tradeDate) {
            throw new Schemas.Unreadable("settled before it was traded");
        }
        try {
            terms.minor(terms.quantity, terms.price);
        } catch (ArithmeticException | IllegalArgumentException error) {
            throw new Schemas.Unreadable(error.toString());
        }
        return terms;
    }

    BigDecimal signed() {
        return buy ? quantity : quantity.negate();
    }

    /** Quantity times price in minor units of the currency, a half away from zero. */
    long minor(BigDecimal quantity, BigDecimal price) {
        int decimals = Currency.getInstance(currency).getDefaultFractionDigits();
        var minor = quantity.multiply(price).setScale(decimals, RoundingMode.HALF_UP).unscaledValue();
        if (minor.abs().compareTo(LONG_MAX) > 0) {
            throw new ArithmeticException("an amount beyond 64 bits, which the judge does not follow");
        }
        return minor.longValue();
    }

    Map<String, Object> told() {
        var told = new HashMap<String, Object>();
        told.put("contract_id", contract);
        told.put("side", buy ? "BUY" : "SELL");
        told.put("quantity", quantity);
        told.put("price", price);
        told.put("currency", currency);
        told.put("trade_date", tradeDate);
        told.put("exec_time", execTime);
        told.put("source_seq", sourceSeq);
        told.put("settle_date", settleDate);
        return told;
    }

    private static BigDecimal decimal(Object bytes) throws Schemas.Unreadable {
        var number = ((ByteBuffer) bytes).duplicate();
        var unscaled = new byte[number.remaining()];
        number.get(unscaled);
        if (unscaled.length == 0) {
            throw new Schemas.Unreadable("a number without digits");
        }
        var decimal = new BigDecimal(new BigInteger(unscaled), SCALE);
        if (decimal.precision() > DIGITS) {
            throw new Schemas.Unreadable("more than 28 digits");
        }
        return decimal;
    }
}
