/** The economic terms of a trade. */

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Currency;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.avro.generic.GenericRecord;

record Terms(
        String contract, boolean buy, BigDecimal quantity, BigDecimal price, String currency,
        int tradeDate, long execTime, long sourceSeq, Integer settleDate, Method.Order order) {
    /** Decimal places of quantities and prices on the wire. */
    static final int SCALE = 10;
    private static final int DIGITS = 28;
    private static final BigInteger LONG_MAX = BigInteger.valueOf(Long.MAX_VALUE);

    static Terms read(GenericRecord fields) throws Schemas.Unreadable {
        String side = fields.get("side").toString();
        var terms = new Terms(
                fields.get("contract_id") == null ? null : Trade.name(fields.get("contract_id"), Trade.ID_LENGTH),
                side.equals("BUY"), decimal(fields.get("quantity")), decimal(fields.get("price")),
                Schemas.text(fields.get("currency")), (int) fields.get("trade_date"), (long) fields.get("exec_time"),
                (long) fields.get("source_seq"), (Integer) fields.get("settle_date"),
                fields.hasField("relief") ? order((GenericRecord) fields.get("relief")) : null);
        if (side.equals("UNKNOWN") || terms.quantity.signum() <= 0 || terms.price.signum() < 0 || terms.sourceSeq < 0) {
            throw new Schemas.Unreadable("terms out of range");
        }
        if (terms.settleDate != null && terms.settleDate < terms.tradeDate) {
            throw new Schemas.Unreadable("settled before it was traded");
        }
        try {
            terms.minor(terms.quantity.multiply(terms.price));
        } catch (ArithmeticException | IllegalArgumentException error) {
            throw new Schemas.Unreadable(error.toString());
        }
        return terms;
    }

    BigDecimal signed() {
        return buy ? quantity : quantity.negate();
    }

    /** The same, ordering nothing: a lot does not remember how its trade closed others. */
    Terms withoutOrder() {
        return new Terms(contract, buy, quantity, price, currency, tradeDate, execTime, sourceSeq, settleDate, null);
    }

    /** An amount in minor units of the currency, a half away from zero. */
    long minor(BigDecimal amount) {
        return rounded(amount, decimals());
    }

    /** Minor units as an amount. */
    BigDecimal whole(long minor) {
        return BigDecimal.valueOf(minor, decimals());
    }

    static long rounded(BigDecimal amount, int decimals) {
        var minor = amount.setScale(decimals, RoundingMode.HALF_UP).unscaledValue();
        if (minor.abs().compareTo(LONG_MAX) > 0) {
            throw new ArithmeticException("an amount beyond 64 bits, which the judge does not follow");
        }
        return minor.longValue();
    }

    private int decimals() {
        return Currency.getInstance(currency).getDefaultFractionDigits();
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
        told.put("relief", order == null ? null : order.told());
        return told;
    }

    private static Method.Order order(GenericRecord fields) throws Schemas.Unreadable {
        if (fields == null) {
            return null;
        }
        String method = fields.get("method") == null ? null : fields.get("method").toString();
        var lots = new ArrayList<Method.Listed>();
        for (Object item : (List<?>) fields.get("lots")) {
            var listed = (GenericRecord) item;
            lots.add(new Method.Listed(Trade.id(Schemas.text(listed.get("lot"))), decimal(listed.get("quantity"))));
        }
        if (method != null && (method.equals("UNKNOWN") || !lots.isEmpty())) {
            throw new Schemas.Unreadable("no method, or one and lots");
        }
        return new Method.Order(method == null ? null : Method.valueOf(method), List.copyOf(lots));
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
