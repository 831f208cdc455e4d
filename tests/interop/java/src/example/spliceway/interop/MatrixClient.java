package example.spliceway.interop;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.MetadataUtils;
import java.net.InetSocketAddress;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * grpc-java's client, on Netty.
 *
 * <pre>
 * MatrixClient list                            prints the scenarios as a JSON array
 * MatrixClient SCENARIO[,SCENARIO]... ADDRESS  prints one JSON object for each, in order
 * </pre>
 *
 * <p>Each scenario has a channel of its own, which is closed in good order before the next begins. A call that fails is
 * an outcome like any other.
 */
public final class MatrixClient {
    /** Connecting included. */
    static final long CALL_LIMIT_SECONDS = 20;

    private static final long CLOSE_LIMIT_SECONDS = 2;
    private static final Gson JSON = new GsonBuilder().disableHtmlEscaping().create();

    private MatrixClient() {}

    public static void main(String[] arguments) throws InterruptedException {
        if (arguments.length == 1 && arguments[0].equals("list")) {
            System.out.println(JSON.toJson(Scenarios.ALL.keySet()));
            return;
        }
        if (arguments.length != 2) {
            throw new IllegalArgumentException("usage: MatrixClient list | SCENARIO[,SCENARIO]... ADDRESS");
        }
        Metadata metadata = metadata(System.getenv().getOrDefault("MATRIX_METADATA", ""));
        for (String name : arguments[0].split(",")) {
            Scenarios.Scenario scenario = Scenarios.ALL.get(name);
            if (scenario == null) {
                throw new IllegalArgumentException(name + " is none of " + Scenarios.ALL.keySet());
            }
            ManagedChannel channel = channel(arguments[1], metadata);
            Map<String, Object> outcome = outcome(name, scenario, channel);
            System.out.println(JSON.toJson(outcome));
            // A connection that ends with the process would lose its last frames: RST_STREAM, GOAWAY. A peer that has
            // sent a GOAWAY itself and does not close is not waited for any longer.
            channel.shutdown().awaitTermination(CLOSE_LIMIT_SECONDS, TimeUnit.SECONDS);
            channel.shutdownNow();
        }
    }

    private static Map<String, Object> outcome(String name, Scenarios.Scenario scenario, ManagedChannel channel)
            throws InterruptedException {
        Map<String, Object> outcome = new LinkedHashMap<>();
        outcome.put("scenario", name);
        outcome.put("code", 0);
        outcome.put("message", "");
        try {
            outcome.putAll(scenario.run(channel));
        } catch (StatusException | StatusRuntimeException failure) {
            Status status = Status.fromThrowable(failure);
            outcome.put("code", status.getCode().value());
            outcome.put("message", status.getDescription() == null ? "" : status.getDescription());
        }
        return outcome;
    }

    /** Connects with the first call, which fails at once if that does: calls do not wait for a channel to be ready. */
    private static ManagedChannel channel(String address, Metadata metadata) {
        int colon = address.lastIndexOf(':');
        int port = Integer.parseInt(address.substring(colon + 1));
        return NettyChannelBuilder.forAddress(new InetSocketAddress(address.substring(0, colon), port))
                .usePlaintext()
                .keepAliveTime(Scenarios.KEEPALIVE_SECONDS, TimeUnit.SECONDS)
                .keepAliveWithoutCalls(true)
                .intercept(new CallLimit(), MetadataUtils.newAttachHeadersInterceptor(metadata))
                .build();
    }

    /** NAME=VALUE,NAME=VALUE; a name may be repeated. */
    private static Metadata metadata(String variable) {
        Metadata metadata = new Metadata();
        for (String pair : variable.isEmpty() ? new String[0] : variable.split(",")) {
            String[] parts = pair.split("=", 2);
            if (parts.length != 2) {
                throw new IllegalArgumentException("MATRIX_METADATA: " + pair + " has no =");
            }
            metadata.put(Metadata.Key.of(parts[0], Metadata.ASCII_STRING_MARSHALLER), parts[1]);
        }
        return metadata;
    }

    /** A deadline for the calls that have none. */
    private static final class CallLimit implements ClientInterceptor {
        @Override
        public <Q, A> ClientCall<Q, A> interceptCall(MethodDescriptor<Q, A> method, CallOptions options, Channel next) {
            CallOptions limited = options.withDeadlineAfter(CALL_LIMIT_SECONDS, TimeUnit.SECONDS);
            return next.newCall(method, options.getDeadline() == null ? limited : options);
        }
    }
}
