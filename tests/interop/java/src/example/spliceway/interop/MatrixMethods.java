package example.spliceway.interop;

import example.spliceway.interop.matrix.Request;
import example.spliceway.interop.matrix.Response;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.Marshaller;
import io.grpc.MethodDescriptor.MethodType;
import io.grpc.protobuf.ProtoUtils;

/** The methods of proto/matrix.proto, by hand: four are fewer than a compiler's plugin is worth. */
final class MatrixMethods {
    static final String SERVICE = "matrix.v1.Matrix";

    static final MethodDescriptor<Request, Response> UNARY = method("Unary", MethodType.UNARY);
    static final MethodDescriptor<Request, Response> SERVER_STREAM =
            method("ServerStream", MethodType.SERVER_STREAMING);
    static final MethodDescriptor<Request, Response> CLIENT_STREAM =
            method("ClientStream", MethodType.CLIENT_STREAMING);
    static final MethodDescriptor<Request, Response> BIDI_STREAM = method("BidiStream", MethodType.BIDI_STREAMING);

    static final Metadata.Key<byte[]> TRACE = Metadata.Key.of("trace-bin", Metadata.BINARY_BYTE_MARSHALLER);

    private MatrixMethods() {}

    private static MethodDescriptor<Request, Response> method(String name, MethodType type) {
        Marshaller<Request> requests = ProtoUtils.marshaller(Request.getDefaultInstance());
        Marshaller<Response> responses = ProtoUtils.marshaller(Response.getDefaultInstance());
        return MethodDescriptor.newBuilder(requests, responses)
                .setType(type)
                .setFullMethodName(MethodDescriptor.generateFullMethodName(SERVICE, name))
                .build();
    }
}
