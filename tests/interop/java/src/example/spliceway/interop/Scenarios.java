package example.spliceway.interop;

import com.google.protobuf.ByteString;
import example.spliceway.interop.matrix.Request;
import example.spliceway.interop.matrix.Response;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientInterceptors;
import io.grpc.ConnectivityState;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.stub.BlockingClientCall;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;

/** What each scenario does, and the fields it adds to its outcome. */
final class Scenarios {
    /** Returns the fields of the outcome; throws the status of a call that failed, expected or not. */
    interface Scenario {
        Map<String, Object> run(ManagedChannel channel) throws StatusException, InterruptedException;
    }

    /** The least that grpc-java takes: it raises anything shorter to this. */
    static final long KEEPALIVE_SECONDS = 10;

    private static final int PING_PONGS = 10;
    private static final int OPEN_STREAMS = 100;
    private static final long QUIET_MILLISECONDS = KEEPALIVE_SECONDS * 1_000 + 1_000;
    private static final long IDLE_MILLISECONDS = 3_000;

    static final Map<String, Scenario> ALL = new LinkedHashMap<>();

    static {
        ALL.put("unary", Scenarios::unary);
        ALL.put("server_stream", Scenarios::serverStream);
        ALL.put("client_stream", Scenarios::clientStream);
        ALL.put("bidi", Scenarios::bidi);
        ALL.put("megabyte", Scenarios::megabyte);
        ALL.put("hundred_streams", Scenarios::hundredStreams);
        ALL.put("trailers_only", Scenarios::trailersOnly);
        ALL.put("cancel", Scenarios::cancel);
        ALL.put("deadline", Scenarios::deadline);
        ALL.put("keepalive", Scenarios::keepalive);
        ALL.put("idle", Scenarios::idle);
        ALL.put("metadata_bin", Scenarios::metadataBin);
    }

    private Scenarios() {}

    private static Map<String, Object> unary(ManagedChannel channel) throws StatusException, InterruptedException {
        return Map.of("payload", unary(channel, request("hello")).getPayload().toStringUtf8());
    }

    private static Map<String, Object> serverStream(ManagedChannel channel)
            throws StatusException, InterruptedException {
        Request asked = request("s").toBuilder().setCount(10).build();
        BlockingClientCall<Request, Response> call = ClientCalls.blockingV2ServerStreamingCall(
                channel, MatrixMethods.SERVER_STREAM, CallOptions.DEFAULT, asked);
        List<Integer> numbers = new ArrayList<>();
        int payloads = 0;
        for (Response answer = call.read(); answer != null; answer = call.read()) {
            numbers.add(answer.getNumber());
            payloads += answer.getPayload().equals(asked.getPayload()) ? 1 : 0;
        }
        return Map.of("numbers", numbers, "payloads", payloads);
    }

    private static Map<String, Object> clientStream(ManagedChannel channel)
            throws StatusException, InterruptedException {
        BlockingClientCall<Request, Response> call =
                ClientCalls.blockingClientStreamingCall(channel, MatrixMethods.CLIENT_STREAM, CallOptions.DEFAULT);
        for (String payload : List.of("a", "b", "c")) {
            call.write(request(payload));
        }
        call.halfClose();
        Response answer = answer(call, "abc");
        return Map.of("payload", answer.getPayload().toStringUtf8(), "number", answer.getNumber());
    }

    private static Map<String, Object> bidi(ManagedChannel channel) throws StatusException, InterruptedException {
        BlockingClientCall<Request, Response> call = open(channel);
        List<Integer> numbers = new ArrayList<>();
        for (int turn = 0; turn < PING_PONGS; turn += 1) {
            numbers.add(ask(call, "turn " + turn).getNumber());
        }
        finish(call);
        return Map.of("numbers", numbers);
    }

    private static Map<String, Object> megabyte(ManagedChannel channel) throws StatusException, InterruptedException {
        byte[] payload = new byte[1 << 20];
        for (int index = 0; index < payload.length; index += 1) {
            payload[index] = (byte) (index * 7 % 251);
        }
        Request asked = Request.newBuilder().setPayload(ByteString.copyFrom(payload)).build();
        ByteString answered = unary(channel, asked).getPayload();
        return Map.of("length", answered.size(), "sha256", sha256(answered));
    }

    private static Map<String, Object> hundredStreams(ManagedChannel channel)
            throws StatusException, InterruptedException {
        List<BlockingClientCall<Request, Response>> calls = new ArrayList<>();
        for (int number = 0; number < OPEN_STREAMS; number += 1) {
            calls.add(open(channel));
            calls.get(number).write(request("call " + number));
        }
        for (int number = 0; number < OPEN_STREAMS; number += 1) {
            answer(calls.get(number), "call " + number);
        }
        for (BlockingClientCall<Request, Response> call : calls) {
            call.halfClose();
        }
        int finished = 0;
        for (BlockingClientCall<Request, Response> call : calls) {
            end(call);
            finished += 1;
        }
        return Map.of("finished", finished);
    }

    private static Map<String, Object> trailersOnly(ManagedChannel channel)
            throws StatusException, InterruptedException {
        int status = Status.Code.NOT_FOUND.value();
        unary(channel, Request.newBuilder().setStatus(status).setMessage("no such thing").build());
        return Map.of();
    }

    private static Map<String, Object> cancel(ManagedChannel channel) throws StatusException, InterruptedException {
        Request asked = request("c").toBuilder().setCount(1000).setWaitMilliseconds(50).build();
        BlockingClientCall<Request, Response> call = ClientCalls.blockingV2ServerStreamingCall(
                channel, MatrixMethods.SERVER_STREAM, CallOptions.DEFAULT, asked);
        int received = call.read() == null ? 0 : 1;
        call.cancel("the first answer was enough", null);
        try {
            // Answers that were on their way.
            while (call.read() != null) {}
            return Map.of("received", received);
        } catch (StatusException failure) {
            expect(Status.Code.CANCELLED, failure);
            // The message is the client's own.
            return Map.of("code", Status.Code.CANCELLED.value(), "received", received);
        }
    }

    /** On a channel that is ready: a machine that has just started needs longer than the deadline to connect. */
    private static Map<String, Object> deadline(ManagedChannel channel) throws StatusException, InterruptedException {
        connect(channel);
        Request asked = request("late").toBuilder().setWaitMilliseconds(5000).build();
        CallOptions options = CallOptions.DEFAULT.withDeadlineAfter(300, TimeUnit.MILLISECONDS);
        try {
            ClientCalls.blockingV2UnaryCall(channel, MatrixMethods.UNARY, options, asked);
            return Map.of();
        } catch (StatusException failure) {
            expect(Status.Code.DEADLINE_EXCEEDED, failure);
            // The message is each library's own.
            return Map.of("code", Status.Code.DEADLINE_EXCEEDED.value());
        }
    }

    /** Long enough to see one PING. */
    private static Map<String, Object> keepalive(ManagedChannel channel) throws StatusException, InterruptedException {
        BlockingClientCall<Request, Response> call = open(channel);
        ask(call, "before");
        Thread.sleep(QUIET_MILLISECONDS);
        ask(call, "after");
        finish(call);
        return Map.of("alive", true);
    }

    private static Map<String, Object> idle(ManagedChannel channel) throws StatusException, InterruptedException {
        connect(channel);
        Thread.sleep(IDLE_MILLISECONDS);
        return unary(channel);
    }

    private static Map<String, Object> metadataBin(ManagedChannel channel)
            throws StatusException, InterruptedException {
        Metadata sent = new Metadata();
        sent.put(MatrixMethods.TRACE, new byte[] {0x00, (byte) 0xff, (byte) 0x80, 0x2c, 0x0a});
        AtomicReference<Metadata> initial = new AtomicReference<>();
        AtomicReference<Metadata> trailing = new AtomicReference<>();
        Channel traced = ClientInterceptors.intercept(
                channel,
                MetadataUtils.newAttachHeadersInterceptor(sent),
                MetadataUtils.newCaptureMetadataInterceptor(initial, trailing));
        unary(traced, request("traced"));
        return Map.of("initial", trace(initial.get()), "trailing", trace(trailing.get()));
    }

    /** Returns also when connecting failed, which the next call then tells. */
    private static void connect(ManagedChannel channel) throws StatusException, InterruptedException {
        long limit = System.nanoTime() + TimeUnit.SECONDS.toNanos(MatrixClient.CALL_LIMIT_SECONDS);
        ConnectivityState state = channel.getState(true);
        while (state == ConnectivityState.IDLE || state == ConnectivityState.CONNECTING) {
            CountDownLatch changed = new CountDownLatch(1);
            channel.notifyWhenStateChanged(state, changed::countDown);
            if (!changed.await(limit - System.nanoTime(), TimeUnit.NANOSECONDS)) {
                throw Status.DEADLINE_EXCEEDED.withDescription("the channel is still " + state).asException();
            }
            state = channel.getState(false);
        }
    }

    private static Response unary(Channel channel, Request request) throws StatusException, InterruptedException {
        return ClientCalls.blockingV2UnaryCall(channel, MatrixMethods.UNARY, CallOptions.DEFAULT, request);
    }

    private static BlockingClientCall<Request, Response> open(Channel channel) {
        return ClientCalls.blockingBidiStreamingCall(channel, MatrixMethods.BIDI_STREAM, CallOptions.DEFAULT);
    }

    private static Response ask(BlockingClientCall<Request, Response> call, String payload)
            throws StatusException, InterruptedException {
        call.write(request(payload));
        return answer(call, payload);
    }

    private static Response answer(BlockingClientCall<Request, Response> call, String payload)
            throws StatusException, InterruptedException {
        Response answer = call.read();
        if (answer == null || !answer.getPayload().toStringUtf8().equals(payload)) {
            throw Status.DATA_LOSS.withDescription(payload + " was answered by " + answer).asException();
        }
        return answer;
    }

    /** Half-closes, and waits for the status. */
    private static void finish(BlockingClientCall<Request, Response> call)
            throws StatusException, InterruptedException {
        call.halfClose();
        end(call);
    }

    private static void end(BlockingClientCall<Request, Response> call) throws StatusException, InterruptedException {
        Response answer = call.read();
        if (answer != null) {
            throw Status.DATA_LOSS.withDescription("one answer too many: " + answer).asException();
        }
    }

    private static void expect(Status.Code code, StatusException failure) throws StatusException {
        if (failure.getStatus().getCode() != code) {
            throw failure;
        }
    }

    private static Request request(String payload) {
        return Request.newBuilder().setPayload(ByteString.copyFromUtf8(payload)).build();
    }

    private static String trace(Metadata metadata) {
        byte[] trace = metadata == null ? null : metadata.get(MatrixMethods.TRACE);
        return trace == null ? "" : HexFormat.of().formatHex(trace);
    }

    private static String sha256(ByteString bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes.toByteArray()));
        } catch (NoSuchAlgorithmException absent) {
            throw new IllegalStateException(absent);
        }
    }
}
