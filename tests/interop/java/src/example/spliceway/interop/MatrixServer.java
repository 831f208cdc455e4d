package example.spliceway.interop;

import com.google.protobuf.ByteString;
import example.spliceway.interop.matrix.Request;
import example.spliceway.interop.matrix.Response;
import io.grpc.Context;
import io.grpc.ForwardingServerCall.SimpleForwardingServerCall;
import io.grpc.Metadata;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.ServerInterceptors;
import io.grpc.ServerServiceDefinition;
import io.grpc.Status;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.ServerCalls;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * grpc-java's server, on Netty. {@code MatrixServer [NAME]} prints {"listening":PORT} once it accepts, and serves until
 * it is ended. It keeps nothing: equal calls get equal answers.
 */
public final class MatrixServer {
    private MatrixServer() {}

    public static void main(String[] arguments) throws IOException, InterruptedException {
        ServerServiceDefinition service = ServerServiceDefinition.builder(MatrixMethods.SERVICE)
                .addMethod(MatrixMethods.UNARY, ServerCalls.asyncUnaryCall(MatrixServer::unary))
                .addMethod(
                        MatrixMethods.SERVER_STREAM, ServerCalls.asyncServerStreamingCall(MatrixServer::serverStream))
                .addMethod(MatrixMethods.CLIENT_STREAM, ServerCalls.asyncClientStreamingCall(Joining::new))
                .addMethod(MatrixMethods.BIDI_STREAM, ServerCalls.asyncBidiStreamingCall(Answering::new))
                .build();
        Server server = NettyServerBuilder.forAddress(new InetSocketAddress("127.0.0.1", 0))
                .addService(ServerInterceptors.intercept(service, new TraceReturner()))
                // By default PINGs more often than every 5 minutes are answered by GOAWAY with ENHANCE_YOUR_CALM.
                .permitKeepAliveTime(0, TimeUnit.MILLISECONDS)
                .permitKeepAliveWithoutCalls(true)
                .build()
                .start();
        System.out.println("{\"listening\":" + server.getPort() + "}");
        server.awaitTermination();
    }

    private static void unary(Request request, StreamObserver<Response> answers) {
        if (request.getStatus() != 0) {
            Status status = Status.fromCodeValue(request.getStatus()).withDescription(request.getMessage());
            answers.onError(status.asException());
            return;
        }
        if (cancelledWithin(request.getWaitMilliseconds())) {
            return;
        }
        answers.onNext(Response.newBuilder().setPayload(request.getPayload()).build());
        answers.onCompleted();
    }

    private static void serverStream(Request request, StreamObserver<Response> answers) {
        for (int number = 0; number < request.getCount(); number += 1) {
            if (cancelledWithin(number == 0 ? 0 : request.getWaitMilliseconds())) {
                return;
            }
            answers.onNext(Response.newBuilder().setPayload(request.getPayload()).setNumber(number).build());
        }
        answers.onCompleted();
    }

    /** Waits on the call's own thread, of which the server has as many as there are calls; a cancelled call ends it. */
    private static boolean cancelledWithin(int milliseconds) {
        CountDownLatch cancelled = new CountDownLatch(1);
        Context.CancellationListener listener = context -> cancelled.countDown();
        Context.current().addListener(listener, Runnable::run);
        try {
            return cancelled.await(milliseconds, TimeUnit.MILLISECONDS);
        } catch (InterruptedException interrupted) {
            throw new IllegalStateException(interrupted);
        } finally {
            Context.current().removeListener(listener);
        }
    }

    /** ClientStream: one answer to all. */
    private static final class Joining implements StreamObserver<Request> {
        private final StreamObserver<Response> answers;
        private ByteString payload = ByteString.EMPTY;
        private int number;

        Joining(StreamObserver<Response> answers) {
            this.answers = answers;
        }

        @Override
        public void onNext(Request request) {
            payload = payload.concat(request.getPayload());
            number += 1;
        }

        @Override
        public void onCompleted() {
            answers.onNext(Response.newBuilder().setPayload(payload).setNumber(number).build());
            answers.onCompleted();
        }

        @Override
        public void onError(Throwable cancelled) {}
    }

    /** BidiStream: an answer to each. */
    private static final class Answering implements StreamObserver<Request> {
        private final StreamObserver<Response> answers;
        private int number;

        Answering(StreamObserver<Response> answers) {
            this.answers = answers;
        }

        @Override
        public void onNext(Request request) {
            answers.onNext(Response.newBuilder().setPayload(request.getPayload()).setNumber(number).build());
            number += 1;
        }

        @Override
        public void onCompleted() {
            answers.onCompleted();
        }

        @Override
        public void onError(Throwable cancelled) {}
    }

    /** Sends a request's {@code trace-bin} back with the headers and with the trailers. */
    private static final class TraceReturner implements ServerInterceptor {
        @Override
        public <Q, A> ServerCall.Listener<Q> interceptCall(
                ServerCall<Q, A> call, Metadata request, ServerCallHandler<Q, A> next) {
            byte[] trace = request.get(MatrixMethods.TRACE);
            if (trace == null) {
                return next.startCall(call, request);
            }
            return next.startCall(
                    new SimpleForwardingServerCall<>(call) {
                        @Override
                        public void sendHeaders(Metadata headers) {
                            headers.put(MatrixMethods.TRACE, trace);
                            super.sendHeaders(headers);
                        }

                        @Override
                        public void close(Status status, Metadata trailers) {
                            trailers.put(MatrixMethods.TRACE, trace);
                            super.close(status, trailers);
                        }
                    },
                    request);
        }
    }
}
