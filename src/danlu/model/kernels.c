/* Elementwise work of a training step, each in one pass over memory: bf16 in and out, fp32 inside.
 *
 * Matrix products stay with torch. What is left between them is bound by memory, and composed of torch's operations it
 * reads and writes every activation three to six times. kernels.py states the same functions in torch's terms; a test
 * compares the two. Rows are independent of each other and each is summed by one thread, so a row's result depends
 * neither on the number of threads nor on its neighbours.
 */

#include <math.h>
#include <stdint.h>
#include <string.h>

typedef uint16_t bf16;

static inline float widen(bf16 half) {
    union { uint32_t bits; float value; } word = {(uint32_t)half << 16};
    return word.value;
}

static inline bf16 narrow(float value) { /* to nearest, ties to even, as torch rounds */
    union { float value; uint32_t bits; } word = {value};
    return (bf16)((word.bits + 0x7fff + ((word.bits >> 16) & 1)) >> 16);
}

/* exp to 2e-7: Cephes' polynomial on [-ln 2 / 2, ln 2 / 2], the power of two put into the exponent's bits. */
static inline float exponential(float x) {
    x = x < -87.0f ? -87.0f : x;
    x = x > 88.0f ? 88.0f : x;
    float power = (x * 1.44269504088896341f + 12582912.0f) - 12582912.0f; /* rounds to a whole number */
    float r = x - power * 0.693359375f + power * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    union { uint32_t bits; float value; } two = {(uint32_t)((int32_t)power + 127) << 23};
    return (p * r * r + r + 1.0f) * two.value;
}

/* y = w x / rms(x). x, y (rows, width); inverse_rms (rows,) is kept for backward. */
void norm(const bf16 *x, const bf16 *w, bf16 *y, float *inverse_rms, long rows, long width, float eps, int threads) {
#pragma omp parallel for num_threads(threads) if (parallel : threads > 1)
    for (long row = 0; row < rows; row++) {
        const bf16 *in = x + row * width;
        bf16 *out = y + row * width;
        float squares = 0;
#pragma omp simd reduction(+ : squares)
        for (long i = 0; i < width; i++) squares += widen(in[i]) * widen(in[i]);
        float scale = 1.0f / sqrtf(squares / (float)width + eps);
        inverse_rms[row] = scale;
#pragma omp simd
        for (long i = 0; i < width; i++) out[i] = narrow(widen(in[i]) * scale * widen(w[i]));
    }
}

/* dx, given dy. With x' = x / rms: dx = (w dy - x' mean(w dy x')) / rms. */
void norm_grad(const bf16 *dy, const bf16 *x, const bf16 *w, const float *inverse_rms, bf16 *dx, long rows, long width,
               int threads) {
#pragma omp parallel for num_threads(threads) if (parallel : threads > 1)
    for (long row = 0; row < rows; row++) {
        const bf16 *in = x + row * width, *grad = dy + row * width;
        bf16 *out = dx + row * width;
        float scale = inverse_rms[row], along = 0;
#pragma omp simd reduction(+ : along)
        for (long i = 0; i < width; i++) along += widen(grad[i]) * widen(w[i]) * widen(in[i]);
        along *= scale * scale / (float)width;
#pragma omp simd
        for (long i = 0; i < width; i++) out[i] = narrow(scale * (widen(grad[i]) * widen(w[i]) - widen(in[i]) * along));
    }
}

/* dw (width,), given dy: the sum over rows of dy x'. Threads share out the columns, so the order of the sum is fixed. */
void norm_weight_grad(const bf16 *dy, const bf16 *x, const float *inverse_rms, float *dw, long rows, long width,
                      int threads) {
    enum { BLOCK = 64 };
#pragma omp parallel for num_threads(threads) if (parallel : threads > 1)
    for (long start = 0; start < width; start += BLOCK) {
        long columns = width - start < BLOCK ? width - start : BLOCK;
        float sum[BLOCK] = {0};
        for (long row = 0; row < rows; row++) {
            const bf16 *in = x + row * width + start, *grad = dy + row * width + start;
#pragma omp simd
            for (long i = 0; i < columns; i++) sum[i] += widen(grad[i]) * widen(in[i]) * inverse_rms[row];
        }
        memcpy(dw + start, sum, (size_t)columns * sizeof(float));
    }
}

/* y = silu(gate) up, over count elements. */
void swiglu(const bf16 *gate, const bf16 *up, bf16 *y, long count, int threads) {
#pragma omp parallel for simd num_threads(threads) if (parallel : threads > 1)
    for (long i = 0; i < count; i++) {
        float g = widen(gate[i]);
        y[i] = narrow(g / (1.0f + exponential(-g)) * widen(up[i]));
    }
}

void swiglu_grad(const bf16 *dy, const bf16 *gate, const bf16 *up, bf16 *dgate, bf16 *dup, long count, int threads) {
#pragma omp parallel for simd num_threads(threads) if (parallel : threads > 1)
    for (long i = 0; i < count; i++) {
        float g = widen(gate[i]), u = widen(up[i]), d = widen(dy[i]);
        float sigmoid = 1.0f / (1.0f + exponential(-g));
        dup[i] = narrow(d * g * sigmoid);
        dgate[i] = narrow(d * u * sigmoid * (1.0f + g * (1.0f - sigmoid)));
    }
}

/* One head's halves rotated against each other: the Hugging Face layout. turn is 1, or -1 for the way back. */
static inline void rotate(const bf16 *in, bf16 *out, const bf16 *cos, const bf16 *sin, long half, float turn) {
#pragma omp simd
    for (long i = 0; i < half; i++) {
        float left = widen(in[i]), right = widen(in[half + i]), c = widen(cos[i]), s = turn * widen(sin[i]);
        out[i] = narrow(left * c - right * s);
        out[half + i] = narrow(right * c + left * s);
    }
}

/* From the stream (T, H, K) to documents padded to one length, heads first: (N, G, L, R, K), rotated where cos is given.
 * token (N, L) is the token at each place, -1 where padding stands, which is set to zero. cos, sin (T, K). */
void gather(const bf16 *stream, const bf16 *cos, const bf16 *sin, const int64_t *token, bf16 *documents, long count,
            long length, long groups, long shared, long width, int threads) {
#pragma omp parallel for collapse(2) num_threads(threads) if (parallel : threads > 1)
    for (long n = 0; n < count; n++)
        for (long l = 0; l < length; l++) {
            int64_t from = token[n * length + l];
            for (long g = 0; g < groups; g++) {
                bf16 *out = documents + (((n * groups + g) * length + l) * shared) * width;
                if (from < 0) {
                    memset(out, 0, (size_t)(shared * width) * sizeof(bf16));
                    continue;
                }
                const bf16 *in = stream + (from * groups + g) * shared * width;
                if (!cos)
                    memcpy(out, in, (size_t)(shared * width) * sizeof(bf16));
                else
                    for (long r = 0; r < shared; r++)
                        rotate(in + r * width, out + r * width, cos + from * width, sin + from * width, width / 2, 1.0f);
            }
        }
}

/* The way back: padding is dropped, and what gather rotated is rotated back. */
void scatter(const bf16 *documents, const bf16 *cos, const bf16 *sin, const int64_t *token, bf16 *stream, long count,
             long length, long groups, long shared, long width, int threads) {
#pragma omp parallel for collapse(2) num_threads(threads) if (parallel : threads > 1)
    for (long n = 0; n < count; n++)
        for (long l = 0; l < length; l++) {
            int64_t to = token[n * length + l];
            if (to < 0) continue;
            for (long g = 0; g < groups; g++) {
                const bf16 *in = documents + (((n * groups + g) * length + l) * shared) * width;
                bf16 *out = stream + (to * groups + g) * shared * width;
                if (!cos)
                    memcpy(out, in, (size_t)(shared * width) * sizeof(bf16));
                else
                    for (long r = 0; r < shared; r++)
                        rotate(in + r * width, out + r * width, cos + to * width, sin + to * width, width / 2, -1.0f);
            }
        }
}

/* Scores (batch, rows, end) become probabilities in place. Row r is the query at position first + r / shared, and sees
 * the keys up to its own. */
void causal_softmax(bf16 *scores, long batch, long rows, long end, long first, long shared, float scale, int threads) {
#pragma omp parallel for num_threads(threads) if (parallel : threads > 1)
    for (long row = 0; row < batch * rows; row++) {
        bf16 *own = scores + row * end;
        long seen = first + row % rows / shared + 1;
        float most = -INFINITY, total = 0;
#pragma omp simd reduction(max : most)
        for (long i = 0; i < seen; i++) most = widen(own[i]) > most ? widen(own[i]) : most;
        float power[seen];
#pragma omp simd reduction(+ : total)
        for (long i = 0; i < seen; i++) total += power[i] = exponential(scale * (widen(own[i]) - most));
        float share = 1.0f / total;
#pragma omp simd
        for (long i = 0; i < seen; i++) own[i] = narrow(power[i] * share);
        memset(own + seen, 0, (size_t)(end - seen) * sizeof(bf16));
    }
}

/* The gradient of probabilities becomes that of scores, in place: scale p (e - sum(p e)). */
void softmax_grad(bf16 *error, const bf16 *probabilities, long rows, long end, float scale, int threads) {
#pragma omp parallel for num_threads(threads) if (parallel : threads > 1)
    for (long row = 0; row < rows; row++) {
        bf16 *own = error + row * end;
        const bf16 *p = probabilities + row * end;
        float along = 0;
#pragma omp simd reduction(+ : along)
        for (long i = 0; i < end; i++) along += widen(p[i]) * widen(own[i]);
#pragma omp simd
        for (long i = 0; i < end; i++) own[i] = narrow(scale * widen(p[i]) * (widen(own[i]) - along));
    }
}

/* Logits (rows, width) become the gradient of -log p(target) in place; loss (rows,) gets that number. */
void cross_entropy(bf16 *logits, const int64_t *target, float *loss, long rows, long width, int threads) {
#pragma omp parallel for num_threads(threads) if (parallel : threads > 1)
    for (long row = 0; row < rows; row++) {
        bf16 *own = logits + row * width;
        float most = -INFINITY, total = 0;
#pragma omp simd reduction(max : most)
        for (long i = 0; i < width; i++) most = widen(own[i]) > most ? widen(own[i]) : most;
        float power[width];
#pragma omp simd reduction(+ : total)
        for (long i = 0; i < width; i++) total += power[i] = exponential(widen(own[i]) - most);
        loss[row] = logf(total) + most - widen(own[target[row]]);
        float share = 1.0f / total;
#pragma omp simd
        for (long i = 0; i < width; i++) own[i] = narrow(power[i] * share);
        own[target[row]] = narrow(power[target[row]] * share - 1.0f);
    }
}
