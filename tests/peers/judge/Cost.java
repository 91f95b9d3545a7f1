/** What the units of a lot cost: a price, or an amount that so many units share once no price says it exactly. */

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.Map;

/** `amount` and `units` are null for a price. */
record Cost(BigDecimal price, BigDecimal amount, BigDecimal units) {
    /** Numbers on their way have this many bits before the point is set, and no more decimals than that. */
    private static final int BITS = 96;
    private static final int SCALE_MAX = 28;

    static Cost price(BigDecimal price) {
        return new Cost(price, null, null);
    }

    static Cost shared(BigDecimal amount, BigDecimal units) {
        return new Cost(null, amount, units);
    }

    boolean isShared() {
        return amount != null;
    }

    BigDecimal perUnit() {
        return isShared() ? quotient(amount, units) : price;
    }

    BigDecimal published() {
        return perUnit().setScale(Terms.SCALE, RoundingMode.HALF_EVEN);
    }

    /** Unrounded cost of a signed quantity, with its sign. */
    BigDecimal of(BigDecimal quantity) {
        if (!isShared()) {
            return price.multiply(quantity);
        }
        BigDecimal part = part(amount, quantity.abs(), units);
        return quantity.signum() < 0 ? part.negate() : part;
    }

    /** Null for a price. */
    Map<String, Object> told() {
        return isShared() ? Map.of("amount", text(amount), "units", units) : null;
    }

    /** What falls on so many units of all of them; all take all. */
    static BigDecimal part(BigDecimal amount, BigDecimal units, BigDecimal all) {
        return units.compareTo(all) == 0 ? amount : quotient(fitted(amount.multiply(units)), all);
    }

    static BigDecimal quotient(BigDecimal dividend, BigDecimal divisor) {
        int scale = SCALE_MAX;
        BigDecimal quotient;
        do {
            quotient = dividend.divide(divisor, scale--, RoundingMode.HALF_EVEN);
        } while (quotient.unscaledValue().bitLength() > BITS);
        return quotient;
    }

    private static BigDecimal fitted(BigDecimal number) {
        BigDecimal fitted = number.setScale(Math.min(number.scale(), SCALE_MAX), RoundingMode.HALF_EVEN);
        while (fitted.unscaledValue().bitLength() > BITS) {
            fitted = fitted.setScale(fitted.scale() - 1, RoundingMode.HALF_EVEN);
        }
        return fitted;
    }

    /** In plain digits, as few as there are. */
    static String text(BigDecimal number) {
        return number.signum() == 0 ? "0" : number.stripTrailingZeros().toPlainString();
    }
}
